/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"

enum { MAX_ANSWER = 64 << 20, TIMEOUT_S = 600 };

/* Connects to HOST:PORT or unix:PATH. */
static int dial(const char *where)
{
    int fd = -1;
    if (strncmp(where, "unix:", 5) == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", where + 5);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return fd;
    } else {
        char host[128];
        const char *colon = strrchr(where, ':');
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
        snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - where) : 120, where);
        if (getaddrinfo(host[0] ? host : "127.0.0.1", colon ? colon + 1 : "11434", &hints, &found) != 0)
            return -1;
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool good = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
        freeaddrinfo(found);
        if (good)
            return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Sends all of it, then reads to the end. */
static bool converse(int fd, struct str request, struct buf *answer)
{
    struct timeval patience = {.tv_sec = TIMEOUT_S};
    char piece[16384];
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (request.len) {
        ssize_t n = send(fd, request.ptr, request.len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        request = (struct str){request.ptr + n, request.len - (size_t)n};
    }
    ssize_t n;
    answer->limit = MAX_ANSWER;
    while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
        if (!buf_add(answer, piece, (size_t)n))
            return false;
    return n == 0 && answer->len > 0;
}

/* The answer's body, or the error it tells. */
static json_t *read_answer(struct str answer, struct hob_error *err)
{
    long status = 0;
    char head[16]; /* HTTP/1.1 200 */
    size_t at = str_find(answer, STR("\r\n\r\n"), 0);
    snprintf(head, sizeof head, "%.*s", (int)(answer.len < 12 ? answer.len : 12), answer.ptr);
    if (at != SIZE_MAX && strlen(head) == 12 && strncmp(head, "HTTP/1.", 7) == 0)
        status = strtol(head + 9, NULL, 10);
    if (status < 100) {
        error_set(err, HOB_FORMAT, "the server's answer is no HTTP");
        return NULL;
    }
    struct str body = {answer.ptr + at + 4, answer.len - at - 4};
    json_t *json = body.len ? json_read(body, "answer", err) : json_object();
    if (status == 200 || !json)
        return json;
    const json_t *text = json_object_get(json, "error");
    error_set(err, status == 404 ? HOB_NOT_FOUND : HOB_FORMAT, "%s",
              json_is_string(text) ? json_string_value(text) : "the server refused, and did not say why");
    json_decref(json);
    return NULL;
}

json_t *ask_server(const char *method, const char *path, const json_t *body, struct hob_error *err)
{
    const char *where = getenv("HOB_HOST");
    struct buf request = {0}, content = {0}, answer = {0};
    where = where && *where ? where : "127.0.0.1:11434";
    where = strncmp(where, "http://", 7) == 0 ? where + 7 : where;
    int fd = dial(where);
    if (fd < 0) {
        error_set(err, HOB_NOT_FOUND, "no server answers at %s; \"hob serve\" starts one", where);
        return NULL;
    }
    if (body)
        json_write(body, &content);
    const char *key = getenv("HOB_KEY");
    buf_format(&request, "%s %s HTTP/1.0\r\nHost: %s\r\nContent-Length: %zu\r\n", method, path,
               strncmp(where, "unix:", 5) == 0 ? "localhost" : where, content.len);
    if (key && *key && !strpbrk(key, "\r\n"))
        buf_format(&request, "Authorization: Bearer %s\r\n", key);
    buf_str(&request, STR("\r\n"));
    buf_str(&request, buf_view(&content));
    json_t *json = NULL;
    if (request.failed || !converse(fd, buf_view(&request), &answer))
        error_set(err, HOB_DISK, "the server at %s broke off", where);
    else
        json = read_answer(buf_view(&answer), err);
    close(fd);
    buf_clear(&request);
    buf_clear(&content);
    buf_clear(&answer);
    return json;
}
