/* SPDX-License-Identifier: Apache-2.0
 *
 * hob.h, section 4: sessions.
 */
#include <stdlib.h>

#include "api/api.h"
#include "base/error.h"
#include "families/families.h"

struct hob_request {
    struct hob_session *session;
    struct hob_request *next; /* in the session's list */
    struct reply *reply;
    void *user;
    bool ended;
    struct buf json; /* of the reply, once it was asked for */
};

struct hob_session {
    struct options options;
    struct chat *chat;
    struct hob_request *requests;
    /* Of the last step. */
    struct hob_event *events;
    size_t n_events, cap_events;
    struct buf text; /* of all events, each ended by a NUL */
    bool failed;     /* memory ran out while events were noted */
};

/* Fits hob_progress_fn to the engine's. */
struct load_progress {
    hob_progress_fn *progress;
    void *user;
};

static bool on_load(void *ctx, size_t done, size_t total)
{
    const struct load_progress *load = ctx;
    return !load->progress || load->progress(load->user, done, total);
}

struct hob_session *hob_session_new(struct hob_model *model, const char *options, hob_progress_fn *progress, void *user,
                                    struct hob_error *err)
{
    size_t n;
    const struct family *const *families = families_all(&n);
    struct load_progress load = {progress, user};
    uint64_t control = float_control_enter();
    struct hob_session *session = calloc(1, sizeof *session);
    bool good = session || error_memory(err, sizeof *session);
    good = good && api_options(options, &session->options, err) && model_bind(model->model, families, n, err) &&
           options_from_model(&session->options, model->model, err) &&
           (session->chat = chat_new(model->model, &session->options, on_load, &load, err)) != NULL;
    if (!good)
        hob_session_free(session);
    float_control_leave(control);
    return good ? session : NULL;
}

void hob_session_plan(const struct hob_session *session, struct hob_plan *plan)
{
    *plan = api_plan(engine_get_plan(chat_engine(session->chat)));
}

void hob_session_free(struct hob_session *session)
{
    if (!session)
        return;
    while (session->requests)
        hob_request_free(session->requests);
    chat_free(session->chat);
    options_clear(&session->options);
    buf_clear(&session->text);
    free(session->events);
    free(session);
}

struct hob_request *hob_submit(struct hob_session *session, const char *json, void *user, struct hob_error *err)
{
    uint64_t control = float_control_enter();
    struct hob_request *request = calloc(1, sizeof *request);
    json_t *object = request ? json_read(str_of(json), "request", err) : NULL;
    if (!request)
        error_memory(err, sizeof *request);
    if (object)
        request->reply = chat_submit(session->chat, object, true, request, err);
    json_decref(object);
    if (request && request->reply) {
        request->session = session;
        request->user = user;
        request->next = session->requests;
        session->requests = request;
    } else {
        free(request);
        request = NULL;
    }
    float_control_leave(control);
    return request;
}

/* Notes an event; its text is a place in session->text until the step has ended. */
static void on_event(void *user, const struct chat_event *event)
{
    static const enum hob_event_kind kinds[] = {
        [CHAT_PREFILL] = HOB_EVENT_PREFILL,
        [CHAT_THINKING] = HOB_EVENT_THINKING,
        [CHAT_TEXT] = HOB_EVENT_TEXT,
        [CHAT_CALL_BEGIN] = HOB_EVENT_CALL_BEGIN,
        [CHAT_CALL_ARGUMENTS] = HOB_EVENT_CALL_ARGUMENTS,
        [CHAT_CALL_END] = HOB_EVENT_CALL_END,
        [CHAT_END] = HOB_EVENT_END,
    };
    struct hob_session *session = user;
    struct hob_request *request = reply_user(event->reply);
    if (event->kind == CHAT_END)
        request->ended = true;
    if (session->n_events == session->cap_events) {
        size_t cap = session->cap_events ? 2 * session->cap_events : 16;
        struct hob_event *bigger = realloc(session->events, cap * sizeof *bigger);
        if (!bigger) {
            session->failed = true;
            return;
        }
        session->events = bigger;
        session->cap_events = cap;
    }
    session->events[session->n_events++] = (struct hob_event){
        .kind = kinds[event->kind],
        .request = request,
        .user = request->user,
        .size = event->text.len,
        .done = event->kind == CHAT_CALL_END ? !event->cut && !event->broken : event->n_done,
        .total = event->n_prompt,
    };
    buf_str(&session->text, event->text);
    buf_byte(&session->text, '\0');
    session->failed = session->failed || session->text.failed;
}

bool hob_step(struct hob_session *session, const struct hob_event **events, size_t *n)
{
    uint64_t control = float_control_enter();
    session->n_events = 0;
    session->text.len = 0;
    session->failed = session->text.failed = false;
    bool more = chat_step(session->chat, on_event, session);
    const char *at = session->text.ptr;
    for (size_t i = 0; i < session->n_events; i++) {
        session->events[i].text = session->failed ? "" : at;
        session->events[i].size = session->failed ? 0 : session->events[i].size;
        at += session->failed ? 0 : session->events[i].size + 1;
    }
    *events = session->events;
    *n = session->n_events;
    float_control_leave(control);
    return more;
}

void hob_cancel(struct hob_request *request)
{
    reply_cancel(request->reply);
}

const char *hob_reply(struct hob_request *request, struct hob_error *err)
{
    if (!request->ended) {
        error_set(err, HOB_USAGE, "the reply has not ended");
        return NULL;
    }
    const struct hob_error *error = reply_error(request->reply);
    if (error->status != HOB_OK) {
        error_set(err, error->status, "%s", error->text);
        return NULL;
    }
    if (request->json.len == 0) {
        json_t *json = reply_json(request->reply, err);
        if (!json)
            return NULL;
        json_write(json, &request->json);
        json_decref(json);
    }
    const char *text = buf_text(&request->json);
    if (!text)
        error_memory(err, request->json.len);
    return text;
}

void hob_request_free(struct hob_request *request)
{
    if (!request)
        return;
    for (struct hob_request **at = &request->session->requests; *at; at = &(*at)->next)
        if (*at == request) {
            *at = request->next;
            break;
        }
    reply_free(request->reply);
    buf_clear(&request->json);
    free(request);
}
