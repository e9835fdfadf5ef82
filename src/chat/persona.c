/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/persona.h"

#include "base/error.h"

bool persona_init(struct persona *persona, const struct options *session, const json_t *settings, struct hob_error *err)
{
    *persona = (struct persona){0};
    const json_t *parameters = json_object_get(settings, "parameters"), *text = json_object_get(settings, "template");
    if (!options_copy(&persona->options, session, err) ||
        (parameters && !options_set_defaults(&persona->options, parameters, err)))
        return false;
    if (json_is_string(text) && !chat_template_set(&persona->template, json_span(text), err))
        return false;
    persona->system = json_incref(json_object_get(settings, "system"));
    persona->messages = json_incref(json_object_get(settings, "messages"));
    return true;
}

void persona_clear(struct persona *persona)
{
    options_clear(&persona->options);
    chat_template_clear(&persona->template);
    json_decref(persona->system);
    json_decref(persona->messages);
    *persona = (struct persona){0};
}

const struct chat_template *persona_template(const struct persona *persona)
{
    return persona && persona->template.parsed ? &persona->template : NULL;
}

json_t *persona_request(const struct persona *persona, const json_t *request)
{
    const json_t *messages = json_object_get(request, "messages"), *first = json_array_get(messages, 0);
    bool has_system = str_eq(json_span(json_object_get(first, "role")), STR("system"));
    if (!persona || !json_is_array(messages) || (!persona->system && !persona->messages))
        return json_incref((json_t *)request);
    json_t *all = json_array(), *whole = json_copy((json_t *)request);
    if (has_system)
        json_array_append(all, (json_t *)first);
    else if (json_is_string(persona->system) && !json_is_string(json_object_get(request, "system")))
        json_array_append_new(all, json_pack("{s:s, s:O}", "role", "system", "content", persona->system));
    if (persona->messages)
        json_array_extend(all, persona->messages);
    for (size_t i = has_system; i < json_array_size(messages); i++)
        json_array_append(all, json_array_get(messages, i));
    json_object_set_new(whole, "messages", all);
    return whole;
}
