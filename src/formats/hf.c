/* SPDX-License-Identifier: Apache-2.0
 *
 * A Hugging Face folder: its JSON and its chat template.
 */
#include "formats/hf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "formats/hf_weights.h"

enum { MAX_JSON_BYTES = 16 << 20, MAX_TOKENIZER_BYTES = 256 << 20, MAX_TEMPLATE_BYTES = 4 << 20, MAX_NAMES = 64 };

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
    struct buf text = {0};
    if (file_load(path, max, &text, err))
        *out = json_read_wide(buf_view(&text), path, err);
    buf_clear(&text);
    if (*out && !json_is_object(*out))
        return error_set(err, HOB_FORMAT, "%s: want a JSON object", path);
    return *out != NULL;
}

/* tokenizer_config.json, with the special tokens that older folders name in special_tokens_map.json. */
static bool read_tokenizer_config(struct hf *hf, struct hob_error *err)
{
    json_t *map = NULL;
    bool good = read_object(hf, "tokenizer_config.json", MAX_JSON_BYTES, &hf->tokenizer_config, err) &&
                read_object(hf, "special_tokens_map.json", MAX_JSON_BYTES, &map, err);
    if (good && map && !hf->tokenizer_config)
        hf->tokenizer_config = json_incref(map);
    else if (good && map && !json_object_get(hf->tokenizer_config, "added_tokens_decoder"))
        good = json_object_update(hf->tokenizer_config, map) == 0 || error_memory(err, 1);
    json_decref(map);
    return good;
}

/* What sentence-transformers puts beside a model that makes vectors of texts. */
static bool read_modules(struct hf *hf, struct hob_error *err)
{
    const char *path = hf_path(hf, "modules.json", err);
    if (!path || !read_object(hf, "1_Pooling/config.json", MAX_JSON_BYTES, &hf->pooling, err))
        return false;
    if (!file_exists(path))
        return true;
    hf->modules = json_read_file(path, MAX_JSON_BYTES, err);
    if (hf->modules && !json_is_array(hf->modules))
        return error_set(err, HOB_FORMAT, "%s: want a JSON array", path);
    return hf->modules != NULL;
}

/* Keeps a template under its name, whatever its bytes are; an empty one is none. */
static bool keep_template(struct hf *hf, const char *name, struct str text, struct hob_error *err)
{
    if (text.len > MAX_TEMPLATE_BYTES)
        return error_set(err, HOB_LIMIT, "%s: the chat template \"%.40s\" has %zu bytes, the limit is %d", hf->path,
                         name, text.len, MAX_TEMPLATE_BYTES);
    return text.len == 0 ||
           json_object_set_new_nocheck(hf->templates, name, json_stringn_nocheck(text.ptr, text.len)) == 0 ||
           error_memory(err, text.len);
}

/* Takes the templates of a JSON file where no others were found before: chat_template is a string, or a list of
 * {"name", "template"}. */
static bool take_templates(struct hf *hf, const char *name, const json_t *object, struct hob_error *err)
{
    const json_t *member = json_object_get(object, "chat_template");
    if (json_object_size(hf->templates) || !member || json_is_null(member))
        return true;
    if (json_is_string(member))
        return keep_template(hf, "default", json_span(member), err);
    for (size_t i = 0; i < json_array_size(member); i++) {
        const json_t *entry = json_array_get(member, i), *text = json_object_get(entry, "template");
        const char *key = json_string_value(json_object_get(entry, "name"));
        if (key && json_is_string(text) && !keep_template(hf, key, json_span(text), err))
            return false;
    }
    return json_object_size(hf->templates) ||
           error_set(err, HOB_FORMAT, "%s/%s: chat_template: want a string or a list of {name, template}", hf->path,
                     name);
}

static bool load_template(struct hf *hf, const char *file, const char *name, struct hob_error *err)
{
    struct buf text = {0};
    const char *path = hf_path(hf, file, err);
    bool good = path && (!file_exists(path) || (file_load(path, MAX_TEMPLATE_BYTES, &text, err) &&
                                                keep_template(hf, name, buf_view(&text), err)));
    buf_clear(&text);
    return good;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names that end in `suffix` in the folder, or (NULL: none) in that folder of it, in order; it need not be there.
 */
static bool list_names(struct hf *hf, const char *folder, struct str suffix, const char ***names, size_t *n,
                       struct hob_error *err)
{
    struct hob_error why = {0};
    const char *path = folder ? arena_format(&hf->arena, "%s/%s", hf->path, folder) : hf->path;
    int fd = path ? file_descriptor(path, FILE_LIST, &why) : -1;
    *names = arena_array(&hf->arena, MAX_NAMES, sizeof **names);
    *n = 0;
    if (!path || !*names)
        return error_memory(err, MAX_NAMES * sizeof **names);
    if (fd < 0)
        return why.status == HOB_NOT_FOUND || error_set(err, why.status, "%s", why.text);
    _Alignas(struct dirent64) char entries[4096]; /* not by readdir(), which wants calls that take paths */
    bool good = true;
    for (ssize_t size; good && (size = getdents64(fd, entries, sizeof entries)) != 0;) {
        good = size > 0 || error_system(err, path, "cannot be listed");
        for (ssize_t at = 0; good && at < size;) {
            const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
            at += entry->d_reclen;
            if (!str_ends(str_of(entry->d_name), suffix))
                continue;
            (*names)[*n] = *n < MAX_NAMES ? arena_format(&hf->arena, "%s", entry->d_name) : NULL;
            good =
                (*names)[*n] || error_set(err, HOB_LIMIT, "%s: want at most %d files *%s", path, MAX_NAMES, suffix.ptr);
            *n += good;
        }
    }
    close(fd);
    qsort(*names, *n, sizeof **names, compare_names);
    return good;
}

/* chat_template.jinja, and those beside it that have names. */
static bool load_templates(struct hf *hf, struct hob_error *err)
{
    static const char folder[] = "additional_chat_templates";
    const char **names;
    size_t n;
    bool good = load_template(hf, "chat_template.jinja", "default", err) &&
                list_names(hf, folder, STR(".jinja"), &names, &n, err);
    for (size_t i = 0; good && i < n; i++) {
        char file[400], name[300];
        snprintf(file, sizeof file, "%s/%s", folder, names[i]);
        snprintf(name, sizeof name, "%.*s", (int)(strlen(names[i]) - strlen(".jinja")), names[i]);
        good = load_template(hf, file, name, err);
    }
    return good;
}

static bool read_templates(struct hf *hf, struct hob_error *err)
{
    json_t *object = NULL;
    hf->templates = json_object();
    bool good = (hf->templates || error_memory(err, 1)) && load_templates(hf, err) &&
                take_templates(hf, "tokenizer_config.json", hf->tokenizer_config, err) &&
                read_object(hf, "chat_template.json", MAX_JSON_BYTES, &object, err) &&
                take_templates(hf, "chat_template.json", object, err);
    json_decref(object);
    return good;
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
    const char **ranks;
    size_t n;
    if (!list_names(hf, NULL, STR(".tiktoken"), &ranks, &n, err))
        return false;
    if (n)
        hf->tokenizer_path = hf_path(hf, ranks[0], err);
    return !n || hf->tokenizer_path;
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
    if (hf->config || hf->tokenizer_config || json_object_size(hf->templates) || hf->n_files || hf->tokenizer_path)
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
             read_modules(hf, err) && read_tokenizer_config(hf, err) && read_templates(hf, err) &&
             find_tokenizer(hf, err) && hf_open_weights(hf, err) && check_any(hf, err) && list_sources(hf, err))
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
    else if (read_tokenizer_config(hf, err) && list_sources(hf, err))
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
    json_decref(hf->modules);
    json_decref(hf->pooling);
    json_decref(hf->tokenizer_config);
    json_decref(hf->templates);
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
