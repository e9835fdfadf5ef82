/* SPDX-License-Identifier: Apache-2.0
 *
 * One chat reply, streamed: the whole of hob's C API in a page.
 *
 *     cc chat.c $(pkg-config --cflags --libs hob) -o chat
 *     ./chat ~/.cache/hob/models/smollm2.gguf '[{"role": "user", "content": "Why is the sky blue?"}]'
 */
#include <hob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const struct hob_error *err)
{
    fprintf(stderr, "chat: %s\n", err->text);
    return err->status;
}

/* Prints the reply as it comes, until it is whole. */
static void stream(struct hob_session *session)
{
    const struct hob_event *events;
    size_t n;
    while (hob_step(session, &events, &n))
        for (size_t i = 0; i < n; i++)
            if (events[i].kind == HOB_EVENT_TEXT) {
                fwrite(events[i].text, 1, events[i].size, stdout);
                fflush(stdout);
            }
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct hob_error err = {0};
    struct hob_plan plan;
    if (argc != 3) {
        fprintf(stderr, "usage: chat MODEL.gguf MESSAGES\n");
        return HOB_USAGE;
    }

    /* A request is a JSON object; here the messages come from the command line as JSON already. */
    const char *form = "{\"messages\": %s, \"max_tokens\": 200, \"temp\": 0}";
    size_t room = strlen(form) + strlen(argv[2]);
    char *json = malloc(room);
    if (!json)
        return HOB_LIMIT;
    snprintf(json, room, form, argv[2]);

    struct hob_model *model = hob_open(argv[1], &err);
    struct hob_session *session = model ? hob_session_new(model, "{\"ctx\": 512}", NULL, NULL, &err) : NULL;
    struct hob_request *request = session ? hob_submit(session, json, NULL, &err) : NULL;
    if (request) {
        stream(session);
        const char *reply = hob_reply(request, &err);
        hob_session_plan(session, &plan);
        if (reply)
            fprintf(stderr, "%u threads, context of %zu tokens; the reply with its receipt:\n%s\n", plan.threads,
                    plan.ctx, reply);
    }

    hob_session_free(session); /* and its requests */
    hob_close(model);
    free(json);
    return err.status == HOB_OK ? 0 : fail(&err);
}
