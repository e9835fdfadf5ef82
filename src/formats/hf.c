/* SPDX-License-Identifier: Apache-2.0
 *
 * A Hugging Face folder: its JSON and its chat template.
 */
#include "formats/hf.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/error.h"
#include "formats/hf_weights.h"

enum { MAX_JSON_BYTES = 16 << 20, MAX_TOKENIZER_BYTES = 256 << 20, MAX_TEMPLATE_BYTES = 4 << 20 };

char *hf_path(struct hf *hf, const char *name, struct hob_error *err)
{
    char *path = arena_format(&hf->arena, "%s/%s", hf->path, name);
    if (!path)
        error_memory(err, strlen(hf->path) + strlen(name) + 2);
    if (path && file_is_stream(path)) { /* nobody may be at the other end of a pipe that somebody else made */
        error_set(err, HOB_FORMAT, "%s: is not a regular file", path);
        return NULL;
    }
    return path;
}

/* Reads a file of the folder that holds a JSON object; `*out` stays NULL where there is none. */
static bool read_object(struct hf *hf, const char *name, size_t max, json_t **out, struct hob_error *err)
{
    const char *path = hf_path(hf, name, err);
    if (!path)
        return false;
    if (!file_exists(path))
        return true;
    *out = json_read_file(path, max, err);
    if (*out && !json_is_object(*out))
        return error_set(err, HOB_FORMAT, "%s: want a JSON object", path);
    return *out != NULL;
}

/* The template of a chat_template member: a string, or a list of {"name", "template"}. NULL where it is neither. */
static const json_t *pick_template(const json_t *member)
{
    if (!json_is_array(member))
        return json_is_string(member) ? member : NULL;
    const json_t *picked = NULL;
    for (size_t i = 0; i < json_array_size(member); i++) {
        const json_t *entry = json_array_get(member, i), *text = json_object_get(entry, "template");
        if (!json_is_string(text))
            continue;
        if (str_eq(json_span(json_object_get(entry, "name")), STR("default")))
            return text;
        if (!picked)
            picked = text;
    }
    return picked;
}

/* Takes the template from a JSON file's chat_template where no other was found before. */
static bool take_template(struct hf *hf, const char *name, const json_t *object, struct hob_error *err)
{
    const json_t *member = json_object_get(object, "chat_template");
    if (hf->template_text.len || !member || json_is_null(member))
        return true;
    const json_t *text = pick_template(member);
    if (!text)
        return error_set(err, HOB_FORMAT, "%s/%s: chat_template: want a string or a list of {name, template}", hf->path,
                         name);
    if (json_span(text).len > MAX_TEMPLATE_BYTES)
        return error_set(err, HOB_LIMIT, "%s/%s: chat_template has %zu bytes, the limit is %d", hf->path, name,
                         json_span(text).len, MAX_TEMPLATE_BYTES);
    return buf_str(&hf->template_text, json_span(text)) || error_memory(err, json_span(text).len);
}

static bool read_template(struct hf *hf, struct hob_error *err)
{
    const char *path = hf_path(hf, "chat_template.jinja", err);
    if (!path || (file_exists(path) && !file_load(path, MAX_TEMPLATE_BYTES, &hf->template_text, err)))
        return false;
    json_t *object = NULL;
    bool good = take_template(hf, "tokenizer_config.json", hf->tokenizer_config, err) &&
                read_object(hf, "chat_template.json", MAX_JSON_BYTES, &object, err) &&
                take_template(hf, "chat_template.json", object, err);
    json_decref(object);
    return good;
}

static int ends_in_tiktoken(const struct dirent *entry)
{
    return str_ends(str_of(entry->d_name), STR(".tiktoken"));
}

/* Finds the tokenizer file, if there is one. */
static bool find_tokenizer(struct hf *hf, struct hob_error *err)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer.model", "tekken.json", "tiktoken.model"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = hf_path(hf, names[i], err);
        if (!path)
            return false;
        if (file_exists(path)) {
            hf->tokenizer_path = path;
            return true;
        }
    }
    struct dirent **entries = NULL;
    int n = scandir(hf->path, &entries, ends_in_tiktoken, alphasort);
    if (n > 0)
        hf->tokenizer_path = hf_path(hf, entries[0]->d_name, err);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return n <= 0 || hf->tokenizer_path;
}

/* Lists the files that results depend on. */
static bool list_sources(struct hf *hf, struct hob_error *err)
{
    const char *paths[] = {hf->config ? hf_path(hf, "config.json", err) : NULL, hf->tokenizer_path};
    enum { N_PATHS = sizeof paths / sizeof *paths };
    hf->sources = arena_array(&hf->arena, hf->n_files + N_PATHS, sizeof(struct file *));
    if (!hf->sources || (hf->config && !paths[0]))
        return error_memory(err, hf->n_files * sizeof(struct file *));
    for (size_t i = 0; i < hf->n_files; i++)
        hf->sources[hf->n_sources++] = hf->files[i];
    for (size_t i = 0; i < N_PATHS; i++) {
        const char *path = paths[i];
        struct file *file = arena_alloc(&hf->arena, sizeof *file);
        if (!file)
            return error_memory(err, sizeof *file);
        if (!path)
            continue;
        if (!file_open(file, path, err))
            return false;
        hf->sources[hf->n_sources++] = file;
    }
    return true;
}

/* A folder is one of a model when it holds any of the files that are read. */
static bool check_any(struct hf *hf, struct hob_error *err)
{
    if (hf->config || hf->tokenizer_config || hf->template_text.len || hf->n_files || hf->tokenizer_path)
        return true;
    return error_set(err, HOB_NOT_FOUND, "%s: is no model: it has no config.json and no tokenizer.json", hf->path);
}

struct hf *hf_open(const char *path, struct hob_error *err)
{
    struct hf *hf = calloc(1, sizeof *hf);
    if (hf)
        hf->path = strdup(path);
    if (!hf || !hf->path)
        error_memory(err, sizeof *hf + strlen(path));
    else if (!file_exists(path))
        error_set(err, HOB_NOT_FOUND, "%s: no such folder", path);
    else if (!file_is_folder(path))
        error_set(err, HOB_FORMAT, "%s: is not a folder", path);
    else if (read_object(hf, "config.json", MAX_JSON_BYTES, &hf->config, err) &&
             read_object(hf, "generation_config.json", MAX_JSON_BYTES, &hf->generation_config, err) &&
             read_object(hf, "tokenizer_config.json", MAX_JSON_BYTES, &hf->tokenizer_config, err) &&
             read_template(hf, err) && find_tokenizer(hf, err) && hf_open_weights(hf, err) && check_any(hf, err) &&
             list_sources(hf, err))
        return hf;
    hf_close(hf);
    return NULL;
}

bool hf_names_tokenizer(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str name = str_of(slash ? slash + 1 : path);
    return str_ends(name, STR(".json")) || str_ends(name, STR(".model")) || str_ends(name, STR(".tiktoken")) ||
           (str_find(name, STR(".model.v"), 0) != SIZE_MAX && !str_ends(name, STR(".gguf")));
}

struct hf *hf_open_tokenizer(const char *path, struct hob_error *err)
{
    struct hf *hf = calloc(1, sizeof *hf);
    const char *slash = strrchr(path, '/');
    if (hf)
        hf->path = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    if (!hf || !hf->path || !(hf->tokenizer_path = arena_copy(&hf->arena, path, strlen(path))))
        error_memory(err, strlen(path));
    else if (read_object(hf, "tokenizer_config.json", MAX_JSON_BYTES, &hf->tokenizer_config, err) &&
             list_sources(hf, err))
        return hf;
    hf_close(hf);
    return NULL;
}

bool hf_load_tokenizer(const struct hf *hf, struct buf *out, struct hob_error *err)
{
    return file_load(hf->tokenizer_path, MAX_TOKENIZER_BYTES, out, err);
}

void hf_close(struct hf *hf)
{
    if (!hf)
        return;
    json_decref(hf->config);
    json_decref(hf->generation_config);
    json_decref(hf->tokenizer_config);
    buf_clear(&hf->template_text);
    for (size_t i = 0; i < hf->n_files; i++)
        file_close(hf->files[i]);
    for (size_t i = hf->n_files; i < hf->n_sources; i++) /* the first are the same files */
        file_close(hf->sources[i]);
    map_clear(&hf->by_name);
    arena_clear(&hf->arena);
    free(hf->path);
    free(hf);
}

const struct tensor_info *hf_tensor(const struct hf *hf, struct str name)
{
    uint32_t i = map_get(&hf->by_name, name);
    return i == MAP_NONE ? NULL : &hf->tensors[i];
}
