/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/markup.h"

#include "base/error.h"
#include "chat/conversation.h"

/* Members of a request that a description takes over. */
static const char *const taken[] = {"think", "tools", "tool_choice", "parallel_tool_calls"};

/* The member, or NULL where it is absent or null. */
static const json_t *member(const json_t *json, const char *name)
{
    const json_t *value = json_object_get(json, name);
    return json_is_null(value) ? NULL : value;
}

/* Reads "tool_choice": "auto", "none", "required", an object that names a tool as one of the APIs does, or
 * {"mode": "auto" or "required", "allowed": [names]}. */
static bool read_choice(const json_t *value, struct markup *markup, struct hob_error *err)
{
    static const char *const words[] = {
        [REPLY_CALLS_MAY] = "auto", [REPLY_CALLS_NONE] = "none", [REPLY_CALLS_MUST] = "required"};
    struct reply_demand *demand = &markup->demand;
    json_t *allowed = json_object_get(value, "allowed");
    const json_t *function = json_object_get(value, "function"), *word = allowed ? member(value, "mode") : value;
    const json_t *name = json_object_get(function ? function : value, "name");
    if (!value)
        return true;
    if (json_string_length(name)) {
        markup->only = json_pack("[O]", name);
        demand->choice = REPLY_CALLS_MUST;
        demand->one_call = true;
    } else if (json_array_size(allowed)) {
        markup->only = json_incref(allowed);
    }
    demand->only = markup->only;
    for (int i = 0; i < 3 && json_is_string(word); i++)
        if (str_eq(json_span(word), str_of(words[i]))) {
            demand->choice = (enum reply_choice)i;
            return true;
        }
    return json_string_length(name) > 0 ||
           error_set(err, HOB_USAGE, "tool_choice: want auto, none, required, or a tool by its name");
}

/* Reads what the request said. */
static bool read_request(struct markup *markup, struct hob_error *err)
{
    struct reply_demand *demand = &markup->demand;
    const json_t *tools = member(markup->json, "tools"), *parallel = member(markup->json, "parallel_tool_calls");
    const json_t *think = member(markup->json, "think"), *choice = member(markup->json, "tool_choice");
    if (tools && !json_is_array(tools))
        return error_set(err, HOB_USAGE, "tools: want an array");
    if (parallel && !json_is_boolean(parallel))
        return error_set(err, HOB_USAGE, "parallel_tool_calls: want true or false");
    if (think && !json_is_boolean(think) && !json_is_string(think))
        return error_set(err, HOB_USAGE, "think: want true, false or a level");
    demand->tools = tools;
    demand->one_call = json_is_false(parallel);
    if (!read_choice(choice, markup, err))
        return false;
    bool calls = demand->choice != REPLY_CALLS_NONE && json_array_size(tools);
    if (demand->choice == REPLY_CALLS_MUST && !calls)
        return error_set(err, HOB_USAGE, "tool_choice: there are no tools to be called");
    demand->no_thinking = json_is_false(think) && reply_form_may_think(&demand->form);
    markup->think_first = json_is_true(think) || json_is_string(think);
    markup->must_hold = json_array_size(tools) || demand->no_thinking;
    return true;
}

bool markup_read(const json_t *json, struct markup *out, struct hob_error *err)
{
    *out = (struct markup){0};
    struct reply_form *form = &out->demand.form;
    const json_t *start = json_object_get(json, "start");
    form->format = reply_format_named(json_span(json_object_get(json, "format")));
    if (!form->format || !json_is_string(start) || !json_is_boolean(json_object_get(json, "thinks")))
        return error_set(err, HOB_USAGE, "markup: want an object with a reply format, as receipts have it");
    form->thinks = json_is_true(json_object_get(json, "thinks"));
    form->start = json_span(start);
    out->json = json_incref((json_t *)json);
    return read_request(out, err);
}

/* Whether the model can do what "think" says. */
static bool check_think(const struct reply_form *form, struct str template_text, const json_t *think,
                        struct hob_error *err)
{
    static const char *const levels[] = {"low", "medium", "high"};
    if (!think || (json_is_false(think) && !form->thinks))
        return true;
    if (json_is_false(think))
        return !reply_form_in_thinking(form) ||
               error_set(err, HOB_USAGE, "think: this model's template has it think in any case");
    if (!form->thinks)
        return error_set(err, HOB_USAGE, "think: this model's template has no thinking");
    if (!reply_form_may_think(form))
        return error_set(err, HOB_USAGE, "think: this model's template keeps it from thinking in any case");
    if (!json_is_string(think))
        return true;
    if (str_find(template_text, STR("reasoning_effort"), 0) == SIZE_MAX)
        return error_set(err, HOB_USAGE, "think: this model's template has no levels of thinking; want on or off");
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (str_eq(json_span(think), str_of(levels[i])))
            return true;
    return error_set(err, HOB_USAGE, "think: found \"%.40s\", want on, off, low, medium or high",
                     json_string_value(think));
}

bool markup_make(struct str template_text, struct str prompt, const json_t *request, struct markup *out,
                 struct hob_error *err)
{
    bool generic = conversation_is_generic(request, template_text) && json_array_size(member(request, "tools"));
    struct reply_form form = generic ? reply_form_of(reply_format_named(STR("hermes")), template_text, prompt)
                                     : reply_form_find(template_text, prompt);
    *out = (struct markup){0};
    json_t *json = json_object();
    int lost = json_object_set_new(json, "format", json_string(reply_format_name(form.format)));
    lost |= json_object_set_new(json, "thinks", json_boolean(form.thinks));
    lost |= json_object_set_new(json, "start", json_bytes(form.start));
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (member(request, taken[i]))
            lost |= json_object_set(json, taken[i], json_object_get(request, taken[i]));
    if (member(request, "held_tools"))
        lost |= json_object_set(json, "tools", json_object_get(request, "held_tools"));
    bool good = (!lost || error_memory(err, 256)) && markup_read(json, out, err) &&
                check_think(&form, template_text, member(request, "think"), err);
    json_decref(json);
    return good;
}

void markup_clear(struct markup *markup)
{
    json_decref(markup->json);
    json_decref(markup->only);
    *markup = (struct markup){0};
}

struct reply_parser *markup_parser(const struct markup *markup)
{
    const json_t *tools = markup->demand.tools;
    struct reply_setting setting = {
        .form = markup->json ? markup->demand.form : reply_form_find(STR(""), STR("")),
        .tools = tools,
        .no_calls = json_array_size(tools) == 0 || markup->demand.choice == REPLY_CALLS_NONE,
    };
    return reply_parser_new(&setting);
}
