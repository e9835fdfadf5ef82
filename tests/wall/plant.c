/* SPDX-License-Identifier: Apache-2.0
 *
 * Code planted in a process, by LD_PRELOAD: what HOB_PLANT names.
 *
 *   early   sends packets before main(), where there are no walls: whoever counts packets must see them
 *   late    sends packets from a thread of the server, behind the walls; says what it found on standard error
 *   clock   the time of day jumps by a year, back and forth
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define YEAR_S 31557600

static int is_planted(const char *what)
{
    const char *plant = getenv("HOB_PLANT");
    return plant && strcmp(plant, what) == 0;
}

/* Sends a datagram, and begins a connection, to 10.99.0.9. */
static void send_packets(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    to.sin_addr.s_addr = htonl(0x0a630009);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0), error = datagram < 0 ? errno : 0;
    if (datagram >= 0)
        sendto(datagram, "planted", 7, 0, (struct sockaddr *)&to, sizeof to);
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (stream >= 0)
        connect(stream, (struct sockaddr *)&to, sizeof to);
    fprintf(stderr, "planted: %s\n", error ? strerror(error) : "sent");
}

__attribute__((constructor)) static void begin(void)
{
    if (is_planted("early"))
        send_packets();
}

__attribute__((visibility("default"))) int epoll_create1(int flags)
{
    if (is_planted("late"))
        send_packets();
    return (int)syscall(SYS_epoll_create1, flags);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *time)
{
    static unsigned calls;
    int code = (int)syscall(SYS_clock_gettime, clock, time);
    if (code == 0 && clock == CLOCK_REALTIME && is_planted("clock"))
        time->tv_sec += ++calls % 2 ? YEAR_S : -YEAR_S;
    return code;
}
