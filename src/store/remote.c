/* SPDX-License-Identifier: Apache-2.0 */
#include "store/remote.h"

#include "base/error.h"
#include "store/digest.h"
#include "store/facts.h"

store_ask_fn *store_ask;

/* ------------------------------------------------------------------------------------------ entries as messages */

static json_t *entry_json(const struct library_entry *entry)
{
    json_t *files = json_array();
    for (size_t i = 0; i < entry->n_files; i++)
        json_array_append_new(files, json_bytes(str_of(entry->files[i])));
    return json_pack("{s:s, s:o, s:o, s:I, s:I, s:s, s:s?, s:b, s:i}", "name", entry->name, "path",
                     json_bytes(str_of(entry->path)), "files", files, "size", (json_int_t)entry->size_bytes, "modified",
                     (json_int_t)entry->modified_s, "settings", entry->settings, "digest", entry->digest, "indexed",
                     (int)entry->indexed, "state", (int)entry->state);
}

/* A member's text in `arena`; NULL where it has none. */
static const char *take_text(struct arena *arena, const json_t *value)
{
    struct str text = json_span(value);
    return json_is_string(value) ? arena_copy(arena, text.ptr, text.len) : NULL;
}

static bool read_entry(struct arena *arena, const json_t *json, struct library_entry *entry)
{
    const json_t *files = json_object_get(json, "files");
    *entry = (struct library_entry){
        .name = take_text(arena, json_object_get(json, "name")),
        .path = take_text(arena, json_object_get(json, "path")),
        .files = arena_array(arena, json_array_size(files) + 1, sizeof *entry->files),
        .n_files = json_array_size(files),
        .size_bytes = (uint64_t)json_integer_value(json_object_get(json, "size")),
        .modified_s = json_integer_value(json_object_get(json, "modified")),
        .settings = take_text(arena, json_object_get(json, "settings")),
        .digest = take_text(arena, json_object_get(json, "digest")),
        .indexed = json_is_true(json_object_get(json, "indexed")),
        .state = (enum library_state)json_integer_value(json_object_get(json, "state")),
    };
    bool good = entry->name && entry->path && entry->files && entry->settings;
    for (size_t i = 0; good && i < entry->n_files; i++)
        good = (entry->files[i] = take_text(arena, json_array_get(files, i))) != NULL;
    return good;
}

bool remote_list(struct arena *arena, const char *name, struct library_entry **entries, size_t *n,
                 struct hob_error *err)
{
    json_t *list = store_ask("list", json_pack("{s:s?}", "name", name), err);
    *n = json_array_size(list);
    *entries = arena_array(arena, *n + 1, sizeof **entries);
    bool good = list && (*entries || error_memory(err, *n));
    for (size_t i = 0; good && i < *n; i++)
        good = read_entry(arena, json_array_get(list, i), &(*entries)[i]) || error_memory(err, *n);
    json_decref(list);
    return good;
}

/* ---------------------------------------------------------------------------------------------------- answering */

/* A call, for whoever does it. */
struct call {
    const json_t *arguments;
    store_may_fn *may;
    void *user;
};

/* A string argument, "" where there is none. */
static const char *argument(const struct call *call, const char *name)
{
    const char *text = json_string_value(json_object_get(call->arguments, name));
    return text ? text : "";
}

static json_t *answer_list(const struct call *call, struct hob_error *err)
{
    struct arena arena = {0};
    struct library_entry *entries, one;
    size_t n = 0;
    const json_t *name = json_object_get(call->arguments, "name");
    struct hob_error failure = {0};
    json_t *list = json_array();
    bool good = !json_is_string(name) && library_list(&arena, &entries, &n, err);
    if (json_is_string(name)) { /* that there is none is an empty list, not an error */
        bool found = library_find(&arena, json_span(name), &one, &failure);
        entries = &one;
        n = found;
        good = found || failure.status == HOB_NOT_FOUND || error_set(err, failure.status, "%s", failure.text);
    }
    for (size_t i = 0; good && i < n; i++)
        json_array_append_new(list, entry_json(&entries[i]));
    arena_clear(&arena);
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *answer_add(const struct call *call, struct hob_error *err)
{
    const json_t *files = json_object_get(call->arguments, "files"), *file;
    size_t i;
    if (!call->may(call->user, argument(call, "path"))) {
        error_set(err, HOB_REFUSED, "%.200s: is no file of the library", argument(call, "path"));
        return NULL;
    }
    json_array_foreach((json_t *)files, i, file)
    {
        const char *path = json_string_value(file);
        if (path && call->may(call->user, path))
            continue;
        error_set(err, HOB_REFUSED, "%.200s: is no file of the library", path ? path : "");
        return NULL;
    }
    bool good = library_index(json_span(json_object_get(call->arguments, "name")), argument(call, "path"), files,
                              json_object_get(call->arguments, "settings"), err);
    return good ? json_object() : NULL;
}

static json_t *answer_remove(const struct call *call, struct hob_error *err)
{
    return library_remove(json_span(json_object_get(call->arguments, "name")), err) ? json_object() : NULL;
}

static json_t *answer_facts(const struct call *call, struct hob_error *err)
{
    (void)err;
    json_t *facts = facts_recall(argument(call, "stamp"));
    return facts ? facts : json_object();
}

static json_t *answer_note(const struct call *call, struct hob_error *err)
{
    const char *stamp = argument(call, "stamp"), *path = argument(call, "path"), *hex = argument(call, "sha256");
    char now[128];
    bool whole = strncmp(stamp, "model ", 6) == 0; /* of a folder */
    if (!call->may(call->user, path) || (!whole && (!digest_stamp(path, now) || strcmp(now, stamp) != 0))) {
        error_set(err, HOB_REFUSED, "%.200s: is no file of the library", path);
        return NULL;
    }
    if (*hex)
        digest_note(stamp, path, hex);
    else
        facts_note(stamp, json_object_get(call->arguments, "facts"));
    return json_object();
}

static json_t *answer_digest(const struct call *call, struct hob_error *err)
{
    char hex[65];
    (void)err;
    return digest_recall(argument(call, "stamp"), hex) ? json_pack("{s:s}", "sha256", hex) : json_object();
}

static json_t *answer_find(const struct call *call, struct hob_error *err)
{
    struct buf path = {0};
    json_t *found = digest_find(argument(call, "sha256"), &path, err)
                        ? json_pack("{s:o}", "path", json_bytes(buf_view(&path)))
                        : NULL;
    buf_clear(&path);
    return found;
}

json_t *store_answer(const char *call, const json_t *arguments, store_may_fn *may, void *user, struct hob_error *err)
{
    static const struct {
        const char *name;
        json_t *(*answer)(const struct call *call, struct hob_error *err);
    } calls[] = {
        {"list", answer_list}, {"add", answer_add},       {"remove", answer_remove}, {"facts", answer_facts},
        {"note", answer_note}, {"digest", answer_digest}, {"find", answer_find},
    };
    const struct call it = {arguments, may, user};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(call, calls[i].name) == 0)
            return calls[i].answer(&it, err);
    error_set(err, HOB_USAGE, "%.20s: no such call", call);
    return NULL;
}
