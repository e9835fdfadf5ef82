/* SPDX-License-Identifier: Apache-2.0
 *
 * hob show: what a name of the library stands for.
 */
#include "base/error.h"
#include "chat/modelfile.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "model/model.h"
#include "store/facts.h"
#include "store/name.h"

/* What is shown, read. */
struct shown {
    struct library_entry entry;
    json_t *settings, *facts;
    struct model *model;
};

static struct str text_of(const json_t *object, const char *key)
{
    return json_span(json_object_get(object, key));
}

static struct str template_of(const struct shown *shown)
{
    struct str own = text_of(shown->settings, "go_template");
    own = own.len ? own : text_of(shown->settings, "template");
    return own.len ? own : model_template_text(shown->model, false);
}

/* A text of its own line; what is no text, as a library's row that somebody else wrote may have, is left out. */
static void put_line(struct buf *out, const json_t *text)
{
    if (json_is_string(text)) {
        buf_str(out, json_span(text));
        buf_byte(out, '\n');
    }
}

/* The licence texts, or what the file calls its licence. */
static void put_license(const struct shown *shown, struct buf *out)
{
    size_t i;
    json_t *text;
    json_array_foreach(json_object_get(shown->settings, "license"), i, text)
    {
        put_line(out, text);
    }
    if (out->len == 0)
        put_line(out, json_object_get(shown->facts, "license"));
}

/* A row of the overview. */
static void put_row(const char *name, struct str value)
{
    if (value.len)
        output_format("    %-20s %.*s\n", name, (int)value.len, value.ptr);
}

static void put_number(const char *name, const json_t *value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    put_row(name, str_of(text));
}

static void put_overview(const struct shown *shown)
{
    size_t i;
    json_t *item;
    output_format("  Model\n");
    put_row("architecture", text_of(shown->facts, "architecture"));
    put_row("parameters", text_of(shown->facts, "parameter_size"));
    put_number("context length", json_object_get(shown->facts, "context_length"));
    put_number("embedding length", json_object_get(shown->facts, "embedding_length"));
    put_row("quantization", text_of(shown->facts, "quantization"));
    put_row("file", str_of(shown->entry.path));
    output_format("\n  Capabilities\n");
    json_array_foreach(json_object_get(shown->facts, "capabilities"), i, item)
    {
        struct str text = json_span(item);
        if (text.len)
            output_format("    %.*s\n", (int)text.len, text.ptr);
    }
    struct buf parameters = {0};
    modelfile_parameters(shown->settings, &parameters);
    if (parameters.len)
        output_format("\n  Parameters\n");
    for (struct str rest = buf_view(&parameters); rest.len;) {
        size_t end = str_find(rest, STR("\n"), 0);
        output_format("    %.*s\n", (int)end, rest.ptr);
        rest = (struct str){rest.ptr + end + 1, rest.len - end - 1};
    }
    buf_clear(&parameters);
    struct str system = text_of(shown->settings, "system"), license = text_of(shown->facts, "license");
    if (system.len)
        output_format("\n  System\n    %.*s\n", (int)system.len, system.ptr);
    if (license.len)
        output_format("\n  License\n    %.*s\n", (int)license.len, license.ptr);
    output_format("\n");
}

static json_t *whole_json(const struct shown *shown)
{
    struct buf modelfile = {0}, parameters = {0};
    json_t *json = json_object();
    modelfile_write(shown->settings, str_of(shown->entry.path), &modelfile);
    modelfile_parameters(shown->settings, &parameters);
    json_object_set_new(json, "name", json_bytes(name_shown(shown->entry.name, true)));
    json_object_set_new(json, "path", json_bytes(str_of(shown->entry.path)));
    json_object_set_new(json, "modelfile", json_bytes(buf_view(&modelfile)));
    json_object_set_new(json, "parameters", json_bytes(buf_view(&parameters)));
    json_object_set_new(json, "template", json_bytes(template_of(shown)));
    json_object_set_new(json, "system", json_bytes(text_of(shown->settings, "system")));
    json_object_set(json, "settings", shown->settings);
    json_object_set(json, "details", shown->facts);
    buf_clear(&modelfile);
    buf_clear(&parameters);
    return json;
}

/* The one part that an option asks for, or false. */
static bool put_part(struct args *args, const struct shown *shown)
{
    struct buf out = {0};
    bool asked = true;
    if (args_own(args, "modelfile")->flag)
        modelfile_write(shown->settings, str_of(shown->entry.path), &out);
    else if (args_own(args, "parameters")->flag)
        modelfile_parameters(shown->settings, &out);
    else if (args_own(args, "template")->flag)
        buf_str(&out, template_of(shown)), buf_byte(&out, '\n');
    else if (args_own(args, "system")->flag)
        buf_str(&out, text_of(shown->settings, "system")), buf_byte(&out, '\n');
    else if (args_own(args, "license")->flag)
        put_license(shown, &out);
    else
        asked = false;
    if (asked)
        output_write(buf_view(&out));
    buf_clear(&out);
    return asked;
}

static bool show_run(struct args *args, struct hob_error *err)
{
    static const char *const parts[] = {"license", "modelfile", "parameters", "template", "system"};
    unsigned n_parts = 0;
    for (size_t i = 0; i < 5; i++)
        n_parts += args_own(args, parts[i])->flag;
    if (n_parts > 1)
        return error_set(err, HOB_USAGE, "only one of --license, --modelfile, --parameters, --template, --system");
    struct arena arena = {0};
    struct shown shown = {0};
    bool good = library_find(&arena, str_of(args->words[0]), &shown.entry, err);
    good = good && (shown.settings = json_read(str_of(shown.entry.settings), "library.db", err)) != NULL;
    good = good && (shown.facts = facts_of(&shown.entry, err)) != NULL;
    good = good && (shown.model = model_open(shown.entry.path, err)) != NULL;
    if (good && args->json) {
        json_t *json = whole_json(&shown);
        output_json(json);
        json_decref(json);
    } else if (good && !put_part(args, &shown)) {
        put_overview(&shown);
    }
    json_decref(shown.settings);
    json_decref(shown.facts);
    model_close(shown.model);
    arena_clear(&arena);
    return good;
}

static const struct option own_options[] = {
    {.name = "license", .kind = OPTION_FLAG, .help = "only the licence"},
    {.name = "modelfile", .kind = OPTION_FLAG, .help = "only the Modelfile that makes the same"},
    {.name = "parameters", .kind = OPTION_FLAG, .help = "only the parameters"},
    {.name = "template", .kind = OPTION_FLAG, .help = "only the chat template"},
    {.name = "system", .kind = OPTION_FLAG, .help = "only the system message"},
    {0},
};

static const struct example examples[] = {
    {"hob show smollm2", "what it is and can"},
    {"hob show smollm2 --template", "its chat template"},
    {0},
};

const struct command show_command = {
    .name = "show",
    .summary = "Shows what a name stands for",
    .usage = "NAME [--license|--modelfile|--parameters|--template|--system]",
    .help = "\"hob inspect\" says more of the file itself.",
    .examples = examples,
    .options = own_options,
    .json = "{\"name\", \"path\", \"modelfile\", \"parameters\", \"template\", \"system\", \"settings\", \"details\"}",
    .min_words = 1,
    .max_words = 1,
    .run = show_run,
};
