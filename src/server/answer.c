/* SPDX-License-Identifier: Apache-2.0
 *
 * One reply as the dialects see it: its calls, its log probabilities.
 */
#include <stdio.h>

#include "model/model.h"
#include "server/generation.h"
#include "server/resident.h"

void answer_call_id(const struct answer *answer, const json_t *call, char out[48])
{
    struct str own = json_span(json_object_get(call, "id"));
    if (own.len && own.len < 48 && !memchr(own.ptr, 0, own.len))
        snprintf(out, 48, "%.*s", (int)own.len, own.ptr);
    else
        make_id(answer->generation->dialect->call_prefix, out, 48);
}

json_t *answer_call_arguments(const json_t *call)
{
    json_t *arguments = json_object_get(call, "arguments");
    struct buf text = {0};
    if (json_is_string(arguments)) /* of a call that was cut */
        return json_incref(arguments);
    json_write(arguments, &text);
    json_t *json = json_bytes(buf_view(&text));
    buf_clear(&text);
    return json;
}

static void tell(struct answer *answer, enum chat_event_kind kind, struct str text, bool cut)
{
    struct chat_event event = {.kind = kind, .reply = answer->reply, .text = text, .cut = cut};
    answer->generation->dialect->event(answer, &event);
}

/* Tells that the call has begun. */
static void tell_begin(struct answer *answer, struct str id)
{
    json_t *call = json_pack("{s:o}", "id", json_bytes(id));
    answer_call_id(answer, call, answer->call_id);
    json_decref(call);
    answer->told = true;
    tell(answer, CHAT_CALL_BEGIN, buf_view(&answer->name), false);
}

void answer_call(struct answer *answer, const struct chat_event *event)
{
    if (event->kind == CHAT_CALL_BEGIN) {
        answer->name.len = answer->arguments.len = 0;
        answer->told = false;
        buf_str(&answer->name, event->text);
        if (reply_holds_calls(answer->reply))
            tell_begin(answer, event->id);
    } else if (event->kind == CHAT_CALL_ARGUMENTS) {
        buf_str(&answer->arguments, event->text);
        if (answer->told)
            tell(answer, CHAT_CALL_ARGUMENTS, event->text, false);
    } else if (answer->told || !event->broken) {
        struct str rest = answer->told ? STR("") : buf_view(&answer->arguments);
        if (!answer->told)
            tell_begin(answer, event->id);
        if (answer->arguments.len == 0 && !event->cut)
            buf_str(&answer->arguments, rest = STR("{}"));
        if (rest.len)
            tell(answer, CHAT_CALL_ARGUMENTS, rest, false);
        tell(answer, CHAT_CALL_END, STR(""), event->cut);
        answer->n_calls++;
    }
}

/* {"token", "logprob", "bytes"} of an entry of chat/'s. */
static json_t *logprob_json(const struct tokenizer *tokenizer, const json_t *entry)
{
    struct buf bytes = {0};
    json_t *list = json_array(), *json = json_object();
    tokenizer_piece(tokenizer, (int32_t)json_integer_value(json_object_get(entry, "id")), true, &bytes);
    for (size_t i = 0; i < bytes.len; i++)
        json_array_append_new(list, json_integer((unsigned char)bytes.ptr[i]));
    json_object_set_new(json, "token", json_bytes(buf_view(&bytes)));
    json_object_set(json, "logprob", json_object_get(entry, "logprob"));
    json_object_set_new(json, "bytes", list);
    buf_clear(&bytes);
    return json;
}

json_t *answer_logprobs(struct answer *answer)
{
    const json_t *all = reply_logprobs(answer->reply);
    struct hob_error none;
    struct model *model = engine_model(chat_engine(resident_chat(answer->generation->resident)));
    const struct tokenizer *tokenizer = model_tokenizer(model, &none);
    json_t *content = json_array();
    for (; tokenizer && answer->n_logged < json_array_size(all); answer->n_logged++) {
        const json_t *entry = json_array_get(all, answer->n_logged), *top = json_object_get(entry, "top");
        if (tokenizer_is_eog(tokenizer, (int32_t)json_integer_value(json_object_get(entry, "id"))))
            continue;
        json_t *json = logprob_json(tokenizer, entry), *list = json_array();
        for (size_t i = 0; i < json_array_size(top); i++)
            json_array_append_new(list, logprob_json(tokenizer, json_array_get(top, i)));
        json_object_set_new(json, "top_logprobs", list);
        json_array_append_new(content, json);
    }
    return content;
}
