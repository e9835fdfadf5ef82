/* SPDX-License-Identifier: Apache-2.0 */
#include "wall/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"

enum { MAX_MESSAGE = 256 << 20 };

/* Room for one descriptor beside a message. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static bool send_all(int channel, struct str bytes)
{
    while (bytes.len) {
        ssize_t n = send(channel, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = str_from(bytes, (size_t)n);
    }
    return true;
}

/* Sends the four bytes of the size, and the descriptor: the keeper's alone can go with one, and the C library's
 * function is not asked (server/link.c). */
static bool send_head(int channel, uint32_t size, int fd)
{
    if (fd < 0)
        return send_all(channel, (struct str){(const char *)&size, sizeof size});
    union control control = {0};
    struct iovec part = {&size, sizeof size};
    struct msghdr head = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
    *rights = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    long n;
    while ((n = syscall(SYS_sendmsg, channel, &head, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)sizeof size;
}

bool channel_send(int channel, const json_t *message, int fd)
{
    struct buf text = {.limit = MAX_MESSAGE};
    bool good = json_write(message, &text) && !text.failed && send_head(channel, (uint32_t)text.len, fd) &&
                send_all(channel, buf_view(&text));
    buf_clear(&text);
    return good;
}

/* The descriptor of a head that was received, or -1; of several none stays open. */
static int received(struct msghdr *head)
{
    int fds[sizeof(union control) / sizeof(int)];
    size_t n = 0;
    for (struct cmsghdr *rights = CMSG_FIRSTHDR(head); rights; rights = CMSG_NXTHDR(head, rights)) {
        if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
            continue;
        size_t more = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds + n, CMSG_DATA(rights), more * sizeof(int));
        n += more;
    }
    for (size_t i = 0; n > 1 && i < n; i++)
        close(fds[i]);
    return n == 1 ? fds[0] : -1;
}

/* Reads exactly `size` bytes. */
static bool read_all(int channel, char *out, size_t size)
{
    while (size) {
        ssize_t n = read(channel, out, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out += n;
        size -= (size_t)n;
    }
    return true;
}

json_t *channel_receive(int channel, int *fd)
{
    uint32_t size = 0;
    union control control = {0};
    struct iovec part = {&size, sizeof size};
    struct msghdr head = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct buf text = {0};
    ssize_t n;
    while ((n = recvmsg(channel, &head, MSG_CMSG_CLOEXEC | MSG_WAITALL)) < 0 && errno == EINTR)
        ;
    *fd = n > 0 ? received(&head) : -1;
    bool good = n == (ssize_t)sizeof size && size > 0 && size <= MAX_MESSAGE && buf_reserve(&text, size + 1) &&
                read_all(channel, text.ptr, size);
    text.len = good ? size : 0;
    json_t *message = good ? json_read(buf_view(&text), "message", NULL) : NULL;
    if (good && !message) /* whole, and no JSON that is taken: the next one may be */
        message = json_null();
    buf_clear(&text);
    if (!message && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return message;
}

json_t *channel_path(const char *path)
{
    struct buf text = {0};
    for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
        char bytes[4];
        buf_add(&text, bytes, utf8_encode(*c, bytes));
    }
    json_t *json = text.failed ? NULL : json_bytes(buf_view(&text));
    buf_clear(&text);
    return json;
}

char *channel_read_path(const json_t *member)
{
    struct str text = json_span(member);
    char *path = json_is_string(member) ? malloc(text.len + 1) : NULL;
    size_t n = 0;
    unsigned size;
    for (size_t at = 0; path && at < text.len; at += size) {
        int32_t code = utf8_decode(text, at, &size);
        path[n++] = (char)code;
    }
    if (path)
        path[n] = '\0';
    return path;
}
