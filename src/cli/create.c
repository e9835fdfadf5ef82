/* SPDX-License-Identifier: Apache-2.0
 *
 * hob create: a name with settings, from a Modelfile.
 */
#include "base/error.h"
#include "base/file.h"
#include "chat/modelfile.h"
#include "cli/commands.h"
#include "cli/library_view.h"
#include "cli/output.h"
#include "store/library.h"

enum { MAX_MODELFILE_BYTES = 4 << 20 };

/* The path that FROM names: a path beside the Modelfile, or what the library resolves; `base` gets its settings. */
static bool resolve_from(const char *file, const char *from, struct buf *path, json_t **base, struct hob_error *err)
{
    const char *slash = strrchr(file, '/');
    if (from[0] != '/' && slash) {
        struct buf beside = {0};
        buf_format(&beside, "%.*s/%s", (int)(slash - file), file, from);
        bool there =
            buf_text(&beside) && (strchr(from, '/') || str_ends(str_of(from), STR(".gguf"))) && file_exists(beside.ptr);
        bool good = there && buf_str(path, buf_view(&beside)) && buf_text(path);
        buf_clear(&beside);
        if (there)
            return good || error_memory(err, strlen(from));
    }
    return library_resolve(from, path, base, err) && (buf_text(path) || error_memory(err, path->len));
}

static bool create_run(struct args *args, struct hob_error *err)
{
    const char *file = args_own(args, "file")->text;
    struct buf text = {0}, from = {0}, path = {0};
    json_t *settings = NULL, *base = NULL;
    bool good = file_load(file, MAX_MODELFILE_BYTES, &text, err);
    good = good && (settings = modelfile_read(buf_view(&text), file, &from, err)) != NULL;
    good = good && resolve_from(file, from.ptr, &path, &base, err);
    if (good && base) /* what the name had stays, unless this says otherwise */
        json_object_update_missing(settings, base);
    good = good && library_add(str_of(args->words[0]), path.ptr, settings, err);
    if (good) {
        digest_in_background(path.ptr);
        if (args->json)
            output_format("{\"status\":\"success\"}\n");
        else
            message("success");
    }
    json_decref(settings);
    json_decref(base);
    buf_clear(&text);
    buf_clear(&from);
    buf_clear(&path);
    return good;
}

static const struct option own_options[] = {
    {"file", 'f', OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", "Modelfile", "the Modelfile; - is standard input"},
    {0},
};

static const struct example examples[] = {
    {"hob create pirate -f Modelfile", "FROM smollm2, SYSTEM \"You are a pirate.\""},
    {0},
};

const struct command create_command = {
    .name = "create",
    .summary = "Makes a name with settings from a Modelfile",
    .usage = "NAME [-f Modelfile]",
    .help =
        "Instructions: FROM (a name, a GGUF file or a folder), PARAMETER, TEMPLATE (Jinja, or Ollama's Go form where "
        "it has a counterpart), SYSTEM, MESSAGE, LICENSE. Another instruction, or a parameter that hob does not "
        "know, is refused by its line. No file is copied.",
    .examples = examples,
    .options = own_options,
    .json = "{\"status\": \"success\"}",
    .min_words = 1,
    .max_words = 1,
    .run = create_run,
};
