/* SPDX-License-Identifier: Apache-2.0
 *
 * hob add: gives a model a name.
 */
#include "base/error.h"
#include "cli/commands.h"
#include "cli/library_view.h"
#include "cli/output.h"
#include "store/collect.h"
#include "store/name.h"

/* A name for the model at `path`: its file's, without the ending and with what no name may have turned into "-". */
static void name_of(const char *path, struct buf *out)
{
    struct str rest = str_of(path);
    while (rest.len && rest.ptr[rest.len - 1] == '/')
        rest.len--;
    size_t start = rest.len;
    while (start && rest.ptr[start - 1] != '/')
        start--;
    rest = (struct str){rest.ptr + start, rest.len - start};
    if (str_ends(rest, STR(".gguf")))
        rest.len -= 5;
    size_t part = str_find(rest, STR("-00001-of-"), 0);
    if (part != SIZE_MAX)
        rest.len = part;
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (is_word || (out->len && (c == '.' || c == '-')))
            buf_byte(out, c);
        else if (out->len)
            buf_byte(out, '-');
    }
}

static bool add_run(struct args *args, struct hob_error *err)
{
    struct buf name = {0}, copy = {0};
    const char *path = args->words[0];
    char canonical[NAME_BYTES];
    if (args_own(args, "name")->given)
        buf_str(&name, str_of(args_own(args, "name")->text));
    else
        name_of(path, &name);
    bool good = !name.failed && name_canonical(buf_view(&name), canonical, err);
    if (good && args_own(args, "copy")->flag) {
        good = library_take_copy(path, &copy, err);
        path = copy.ptr;
    }
    bool copied = good && copy.len;
    good = good && library_add(buf_view(&name), path, NULL, err);
    if (copied && !good)
        collect(path);
    if (good) {
        digest_in_background(path);
        if (args->json) {
            json_t *json = json_pack("{s:s, s:o}", "name", canonical, "path", json_bytes(str_of(path)));
            output_json(json);
            json_decref(json);
        } else {
            struct str shown = name_shown(canonical, true);
            message("added %.*s", (int)shown.len, shown.ptr);
        }
    }
    buf_clear(&name);
    buf_clear(&copy);
    return good;
}

static const struct option own_options[] = {
    {"name", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "NAME[:TAG]", NULL, "its name (default: the file's)"},
    {"copy", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "copy the files into the data directory"},
    {0},
};

static const struct example examples[] = {
    {"hob add ./model.gguf", "use the file where it lies, by the name \"model\""},
    {"hob add ./Qwen3-0.6B --name qwen3:0.6b", "a Hugging Face folder"},
    {"hob add ./model.gguf --name gpt-4o", "the name that a client insists on"},
    {0},
};

const struct command add_command = {
    .name = "add",
    .summary = "Gives a model file or folder a name",
    .usage = "FILE|FOLDER [--name NAME] [--copy]",
    .help = "The model is used where it lies; with --copy it is copied into the data directory ($HOB_HOME, else "
            "~/.local/share/hob). A name is letters, digits, \".\", \"_\" and \"-\", with \":\" before a tag; capitals "
            "make no difference, and a tag that is left out is \"latest\". A name that was there already stands for "
            "the new model.\n\n"
            "A file that changes or vanishes afterwards is told when its name is used.",
    .examples = examples,
    .options = own_options,
    .json = "{\"name\", \"path\"}",
    .min_words = 1,
    .max_words = 1,
    .run = add_run,
};
