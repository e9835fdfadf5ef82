/* SPDX-License-Identifier: Apache-2.0 */
#include "server/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/generation.h"
#include "server/limits.h"
#include "server/upload.h"

struct exchange *exchange_hold(struct exchange *exchange)
{
    atomic_fetch_add(&exchange->refs, 1);
    return exchange;
}

void exchange_drop(struct exchange *exchange)
{
    if (atomic_fetch_sub(&exchange->refs, 1) > 1)
        return;
    upload_drop(exchange);
    buf_clear(&exchange->body);
    buf_clear(&exchange->out);
    buf_clear(&exchange->ignored);
    buf_clear(&exchange->truncated);
    json_decref(exchange->json);
    pthread_mutex_destroy(&exchange->lock);
    free(exchange);
}

/* Lets the daemon go on with the connection. Under the lock. */
static void resume(struct exchange *exchange)
{
    if (!exchange->suspended)
        return;
    exchange->suspended = false;
    MHD_resume_connection(exchange->connection);
}

void exchange_resume(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    resume(exchange);
    pthread_mutex_unlock(&exchange->lock);
}

void exchange_answer(struct exchange *exchange, unsigned status, const char *type, struct buf *body)
{
    pthread_mutex_lock(&exchange->lock);
    if (exchange->status == 0) {
        exchange->status = body->failed ? MHD_HTTP_INTERNAL_SERVER_ERROR : status;
        exchange->type = type;
        buf_clear(&exchange->out);
        exchange->out = *body;
        *body = (struct buf){0};
        exchange->ended = true;
        resume(exchange);
    }
    pthread_mutex_unlock(&exchange->lock);
    buf_clear(body);
}

void exchange_answer_json(struct exchange *exchange, unsigned status, json_t *json)
{
    struct buf body = {0};
    if (!json || !json_write(json, &body))
        body.failed = true;
    json_decref(json);
    exchange_answer(exchange, status, "application/json", &body);
}

unsigned exchange_status(const struct hob_error *err)
{
    switch (err->status) {
    case HOB_USAGE:
    case HOB_FORMAT:
    case HOB_LIMIT:
        return MHD_HTTP_BAD_REQUEST;
    case HOB_NOT_FOUND:
        return MHD_HTTP_NOT_FOUND;
    case HOB_REFUSED:
        return MHD_HTTP_FORBIDDEN;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

void exchange_fail(struct exchange *exchange, unsigned status, const char *param, const struct hob_error *err)
{
    pthread_mutex_lock(&exchange->lock);
    bool streaming = exchange->streaming;
    pthread_mutex_unlock(&exchange->lock);
    json_t *body = exchange->dialect->error(status, param, err);
    if (!streaming) {
        exchange_answer_json(exchange, status, body);
        return;
    }
    struct buf text = {0};
    json_write(body, &text);
    json_decref(body);
    exchange->dialect->frame(exchange, "error", buf_view(&text));
    buf_clear(&text);
    exchange_end(exchange);
}

void exchange_refuse(struct exchange *exchange, unsigned status, const char *format, ...)
{
    struct hob_error err = {0};
    char text[sizeof err.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(&err, HOB_USAGE, "%s", text);
    exchange_fail(exchange, status, NULL, &err);
}

void exchange_stream(struct exchange *exchange, const char *type)
{
    pthread_mutex_lock(&exchange->lock);
    if (exchange->status == 0) {
        exchange->status = MHD_HTTP_OK;
        exchange->type = type;
        exchange->streaming = true;
        exchange->written_ms = clock_ms();
        resume(exchange);
    }
    pthread_mutex_unlock(&exchange->lock);
}

void exchange_write(struct exchange *exchange, struct str bytes)
{
    pthread_mutex_lock(&exchange->lock);
    if (!exchange->gone && !exchange->ended) {
        if (exchange->n_sent == exchange->out.len) /* all was taken: start over */
            exchange->n_sent = exchange->out.len = 0;
        exchange->out.limit = (size_t)limits[LIMIT_STALLED_BYTES].value;
        exchange->written_ms = clock_ms();
        if (!buf_str(&exchange->out, bytes)) {
            exchange->gone = true;
            if (exchange->generation)
                generation_cancel(exchange->generation);
        }
        resume(exchange);
    }
    pthread_mutex_unlock(&exchange->lock);
}

void exchange_end(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->ended = true;
    resume(exchange);
    pthread_mutex_unlock(&exchange->lock);
}

void exchange_ignore(struct exchange *exchange, const char *name)
{
    pthread_mutex_lock(&exchange->lock);
    if (exchange->ignored.len < 1024)
        buf_format(&exchange->ignored, "%s%.64s", exchange->ignored.len ? ", " : "", name);
    pthread_mutex_unlock(&exchange->lock);
}

void exchange_truncated(struct exchange *exchange, size_t input)
{
    pthread_mutex_lock(&exchange->lock);
    buf_format(&exchange->truncated, "%s%zu", exchange->truncated.len ? ", " : "", input);
    pthread_mutex_unlock(&exchange->lock);
}

void exchange_leave(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->gone = true;
    if (exchange->generation)
        generation_cancel(exchange->generation);
    resume(exchange);
    pthread_mutex_unlock(&exchange->lock);
}

ssize_t exchange_read(void *user, uint64_t position, char *out, size_t size)
{
    struct exchange *exchange = user;
    ssize_t n = 0;
    (void)position;
    pthread_mutex_lock(&exchange->lock);
    size_t left = exchange->out.len - exchange->n_sent;
    if (exchange->gone) {
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (left > 0) {
        n = (ssize_t)(left < size ? left : size);
        memcpy(out, exchange->out.ptr + exchange->n_sent, (size_t)n);
        exchange->n_sent += (size_t)n;
    } else if (exchange->ended) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        exchange->suspended = true;
        MHD_suspend_connection(exchange->connection);
    }
    pthread_mutex_unlock(&exchange->lock);
    return n;
}
