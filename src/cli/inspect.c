/* SPDX-License-Identifier: Apache-2.0
 *
 * hob inspect: what a model file says, and what running it would take. The facts are put together as JSON; as text they
 * are the same facts, written for people.
 */
#include "base/error.h"
#include "base/file.h"
#include "chat/doctor.h"
#include "cli/commands.h"
#include "cli/inspect_facts.h"
#include "cli/open.h"
#include "cli/output.h"

enum { KEY_WIDTH = 24, MAX_TEXT = 100 };

/* "110.2 MB". */
static void put_bytes(json_int_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double amount = (double)bytes;
    size_t unit = 0;
    for (; amount >= 1000 && unit < 4; unit++)
        amount /= 1000;
    output_format("%.*f %s", unit && amount < 100 ? 1 : 0, amount, units[unit]);
}

/* A text with what a terminal would act on made inert, on one line. */
static void put_line(struct str text)
{
    struct buf inert = {0};
    text_inert(text, &inert);
    for (size_t i = 0; i < inert.len; i++)
        output_write(inert.ptr[i] == '\n'   ? STR("\\n")
                     : inert.ptr[i] == '\t' ? STR("\\t")
                                            : (struct str){&inert.ptr[i], 1});
    buf_clear(&inert);
}

/* The same, cut when it is long. */
static void put_text(struct str text)
{
    struct str start = {text.ptr, text.len > MAX_TEXT ? MAX_TEXT : text.len};
    if (text.len > MAX_TEXT)
        start.len -= utf8_incomplete_tail(start);
    put_line(start);
    if (text.len > MAX_TEXT)
        output_format("... (%zu bytes)", text.len);
}

static bool ends_with_bytes(const char *key)
{
    return str_ends(str_of(key), STR("bytes"));
}

/* A value that fits on one line. */
static void put_value(const char *key, const json_t *value)
{
    const char *inner;
    json_t *member;
    size_t i;
    switch (json_typeof(value)) {
    case JSON_STRING:
        put_text(json_span(value));
        break;
    case JSON_INTEGER:
        if (ends_with_bytes(key))
            put_bytes(json_integer_value(value));
        else
            output_format("%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        output_format("%.9g", json_real_value(value));
        break;
    case JSON_ARRAY:
        json_array_foreach(value, i, member)
        {
            output_write(i ? STR(", ") : STR(""));
            put_value(key, member);
        }
        break;
    case JSON_OBJECT:
        i = 0;
        json_object_foreach((json_t *)value, inner, member)
        {
            output_format("%s", i++ ? ", " : "");
            if (strcmp(inner, "text") != 0 && strcmp(inner, "path") != 0 && strcmp(inner, "bytes") != 0)
                output_format("%s ", inner);
            put_value(inner, member);
        }
        break;
    case JSON_NULL:
        output_write(STR("none"));
        break;
    default:
        output_format("%s", json_is_true(value) ? "yes" : "no");
    }
}

static void put_key(const char *key)
{
    output_write(STR("  "));
    put_text(str_of(key));
    size_t len = strlen(key);
    output_format("%*s ", len < KEY_WIDTH ? (int)(KEY_WIDTH - len) : 0, "");
}

/* A section: its name, then a line for each member. */
static void put_section(const char *name, const json_t *object)
{
    const char *key;
    json_t *value;
    output_format("%s%s%s\n", style_on(STYLE_BOLD), name, style_on(STYLE_PLAIN));
    json_object_foreach((json_t *)object, key, value)
    {
        if (json_is_array(value) && strcmp(key, "special") == 0) { /* there may be a thousand */
            json_t *token;
            size_t i;
            json_array_foreach(value, i, token)
            {
                put_key(i ? "" : key);
                put_value("", token);
                output_write(STR("\n"));
            }
            continue;
        }
        if (json_is_object(value) && strcmp(key, "types") == 0) { /* a line each, to be read as a table */
            const char *type;
            json_t *entry;
            json_object_foreach(value, type, entry)
            {
                put_key(type);
                put_value(type, entry);
                output_write(STR("\n"));
            }
            continue;
        }
        put_key(key);
        put_value(key, value);
        output_write(STR("\n"));
    }
}

static void put_tensors(const json_t *tensors)
{
    size_t i, k;
    json_t *tensor, *axis;
    output_format("%stensors%s\n", style_on(STYLE_BOLD), style_on(STYLE_PLAIN));
    json_array_foreach(tensors, i, tensor)
    {
        output_write(STR("  "));
        put_text(json_span(json_object_get(tensor, "name")));
        size_t len = json_string_length(json_object_get(tensor, "name"));
        output_format("%*s %-8s [", len < 40 ? (int)(40 - len) : 0, "",
                      json_string_value(json_object_get(tensor, "type")));
        json_array_foreach(json_object_get(tensor, "shape"), k, axis)
            output_format("%s%lld", k ? ", " : "", (long long)json_integer_value(axis));
        output_write(STR("] "));
        put_bytes(json_integer_value(json_object_get(tensor, "bytes")));
        output_write(STR("\n"));
    }
}

/* What the template doctor found, each with what to do. */
static void put_doctor(const json_t *facts)
{
    const json_t *found = json_object_get(facts, "doctor"), *chat = json_object_get(facts, "chat");
    json_t *entry;
    size_t at;
    if (!json_object_get(chat, "template") && json_array_size(found) == 0)
        return;
    output_format("%stemplate doctor%s\n", style_on(STYLE_BOLD), style_on(STYLE_PLAIN));
    if (json_is_null(json_object_get(chat, "published")))
        output_write(
            STR("  note: the template differs from the known good ones of its family; that is usual for a fine-tune,\n"
                "    else compare it with the one that the model's publisher gives: --template FILE\n"));
    if (json_array_size(found) == 0)
        output_write(STR("  nothing found\n"));
    json_array_foreach(found, at, entry)
    {
        output_format("  %swarning%s ", style_on(STYLE_YELLOW), style_on(STYLE_PLAIN));
        put_line(json_span(json_object_get(entry, "warning")));
        output_write(STR("\n    "));
        put_line(json_span(json_object_get(entry, "advice")));
        output_write(STR("\n"));
    }
}

/* All of it for people. */
static void put_facts(const json_t *facts)
{
    static const char *const sections[] = {"shape", "plan", "tokenizer", "chat", "metadata"};
    json_t *rest = json_copy((json_t *)facts), *warning;
    size_t at;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        json_object_del(rest, sections[i]);
    json_object_del(rest, "warnings");
    json_object_del(rest, "doctor");
    json_object_del(rest, "tensors");
    json_object_del(rest, "graph");
    put_section("model", rest);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (json_is_object(json_object_get(facts, sections[i])))
            put_section(sections[i], json_object_get(facts, sections[i]));
    put_doctor(facts);
    if (json_object_get(facts, "tensors"))
        put_tensors(json_object_get(facts, "tensors"));
    if (json_object_get(facts, "graph"))
        output_format("%sgraph%s\n%s", style_on(STYLE_BOLD), style_on(STYLE_PLAIN),
                      json_string_value(json_object_get(facts, "graph")));
    json_array_foreach(json_object_get(facts, "warnings"), at, warning)
    {
        output_format("%swarning%s ", style_on(STYLE_YELLOW), style_on(STYLE_PLAIN));
        put_line(json_span(warning));
        output_write(STR("\n"));
    }
    json_decref(rest);
}

/* The compiled program as text. */
static bool add_graph(json_t *facts, const struct model *model, const struct engine_options *options,
                      struct hob_error *err)
{
    struct graph graph;
    struct buf text = {0};
    struct compile_options compile = {.precise = options->precise, .max_rows = 256, .max_selected = 32};
    bool good =
        model_graph(model, &compile, &graph, err) && (graph_print(&graph, &text) || error_memory(err, graph.n_nodes));
    graph_clear(&graph);
    if (good)
        json_object_set_new(facts, "graph", json_bytes(buf_view(&text)));
    buf_clear(&text);
    return good;
}

/* What the chat template is and what the doctor says of it. */
static bool add_chat(json_t *facts, struct model *model, const struct option_value *option, json_t *warnings,
                     struct hob_error *err)
{
    struct chat_template other = {0};
    bool good = !option->given || chat_template_open(&other, model, option->text, err);
    const struct chat_template *replacement = other.parsed ? &other : NULL;
    json_t *found = good ? doctor_examine(model, replacement, err) : NULL;
    if (found) {
        json_object_set_new(facts, "chat", facts_chat(model, replacement, warnings));
        json_object_set_new(facts, "doctor", found);
    }
    chat_template_clear(&other);
    return found != NULL;
}

static bool inspect_run(struct args *args, struct hob_error *err)
{
    struct opened opened = {0};
    struct hob_error unbound = {0};
    struct engine_options options;
    if (!options_engine(&args->options, &options, err) || !open_model(&opened, args->words[0], err)) {
        opened_close(&opened);
        return false;
    }
    size_t n_tensors;
    struct model *model = opened.model;
    json_t *facts = json_object(), *warnings = json_array();
    bool good = true, has_weights = model_tensors(model, &n_tensors) && n_tensors > 0;
    bool bound = has_weights && open_bound(&opened, args->words[0], &unbound);
    facts_file(facts, model);
    if (model_has_code(model))
        facts_warn(warnings, "auto_map names code of the model's own; it is not run");
    if (!has_weights)
        facts_warn(warnings, "holds no weights: only what needs the tokenizer or the template can be done");
    else if (!bound)
        facts_warn(warnings, "cannot be run: %s", unbound.text);
    if (bound) {
        json_object_set_new(facts, "shape", facts_shape(model));
        json_object_set_new(facts, "plan", facts_plan(model, &options, warnings));
    }
    json_object_set_new(facts, "tokenizer", facts_tokenizer(model, args_own(args, "tokenizer")->flag, warnings));
    good = add_chat(facts, model, options_get(&args->options, "template"), warnings, err);
    json_object_set_new(facts, "metadata", facts_metadata(model));
    if (args_own(args, "tensors")->flag)
        json_object_set_new(facts, "tensors", facts_tensors(model));
    if (args_own(args, "graph")->flag && !bound)
        good = error_set(err, unbound.status ? unbound.status : HOB_FORMAT, "%s",
                         unbound.status ? unbound.text : "there is no graph without weights");
    else if (good && args_own(args, "graph")->flag)
        good = add_graph(facts, model, &options, err);
    json_object_set_new(facts, "warnings", warnings);
    if (good && args->json)
        output_json(facts);
    else if (good)
        put_facts(facts);
    json_decref(facts);
    opened_close(&opened);
    return good;
}

static const struct option own_options[] = {
    {"tensors", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "every tensor: type, shape, size"},
    {"graph", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "the program that runs the model"},
    {"tokenizer", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "every special token"},
    {0},
};

static const struct example examples[] = {
    {"hob inspect smollm2", "what it is, what it takes, what fits"},
    {"hob inspect smollm2 --tensors --json", "all of it, for a program"},
    {"hob inspect smollm2 --template chat.jinja", "the same with another template"},
    {"hob inspect smollm2 --ctx 32768 --kv q8_0", "what a long context would take"},
    {0},
};

const struct command inspect_command = {
    .name = "inspect",
    .summary = "Shows what a model file says and what running it takes",
    .usage = "MODEL",
    .help = "Only metadata is read. The plan is made for this machine and the options given: weights, KV for each "
            "token of context and in all, work space, and the context that fits into the memory left.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_MACHINE,
    .json = "an object: name, architecture, license, bytes, parameters, types, shape, plan, tokenizer, chat, "
            "doctor (an array of {warning, advice} about the chat template), metadata, warnings; tensors and graph "
            "where asked for",
    .min_words = 1,
    .max_words = 1,
    .run = inspect_run,
};
