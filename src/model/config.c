/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"

#define KEY_BYTES 160

/* Takes the next alternative of `*keys`; false at the end. */
static bool next_key(const char **keys, char key[KEY_BYTES])
{
    if (!*keys || !**keys)
        return false;
    size_t n = strcspn(*keys, "|");
    snprintf(key, KEY_BYTES, "%.*s", (int)n, *keys);
    *keys += n + ((*keys)[n] == '|');
    return true;
}

/* The value at a dotted path. */
static const json_t *json_at(const json_t *object, const char *path)
{
    char key[KEY_BYTES];
    while (*path && object) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        object = json_object_get(object, key);
        path += n + (path[n] == '.');
    }
    return object && !json_is_null(object) ? object : NULL;
}

const json_t *config_json(const struct config *config, const char *keys)
{
    char key[KEY_BYTES];
    while (config->json && next_key(&keys, key)) {
        const json_t *value = json_at(config->json, key);
        if (value)
            return value;
    }
    return NULL;
}

const struct gguf_value *config_gguf(const struct config *config, const char *keys)
{
    char key[KEY_BYTES], full[2 * KEY_BYTES];
    while (config->gguf && next_key(&keys, key)) {
        snprintf(full, sizeof full, "%s.%s", config->arch, key);
        const struct gguf_value *value = gguf_find(config->gguf, full);
        if (value)
            return value;
    }
    return NULL;
}

/* Whether the file has the key, or at least the object it would stand in. */
static bool is_there(const struct config *config, const char *key, bool itself)
{
    if (config->gguf)
        return config_gguf(config, key);
    const char *dot = strrchr(key, '.');
    char parent[KEY_BYTES];
    snprintf(parent, sizeof parent, "%.*s", dot ? (int)(dot - key) : 0, key);
    return json_at(config->json, itself ? key : parent);
}

/* The name of the key in the format at hand, for messages: of the alternatives the one that is there, else the first
 * whose place is there, else the first. */
static const char *shown(const struct config *config, const char *gguf_keys, const char *hf_keys, char out[KEY_BYTES])
{
    char key[KEY_BYTES] = "", next[KEY_BYTES];
    const char *all = config->gguf ? gguf_keys : hf_keys, *keys = all;
    next_key(&keys, key);
    for (int itself = 1, found = 0; itself >= 0 && !found; itself--)
        for (keys = all; !found && next_key(&keys, next);) {
            found = is_there(config, next, itself);
            if (found)
                memcpy(key, next, sizeof key);
        }
    snprintf(out, KEY_BYTES, "%.40s%s%.110s", config->gguf ? config->arch : "", config->gguf ? "." : "", key);
    return out;
}

/* One number of whatever kind, as an integer where it is one. */
struct number {
    bool there, is_int, is_number;
    int64_t i;
    double f;
};

/* Whether writers may give the key one number a layer. */
static bool is_per_layer(const char *gguf_keys)
{
    static const char *const keys[] = {"feed_forward_length", "attention.head_count", "attention.head_count_kv"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(gguf_keys, keys[i]) == 0)
            return true;
    return false;
}

/* A metadata value as a number; where there may be one a layer, an array of equal numbers is that number. */
static struct number gguf_number(const struct gguf_value *value, bool per_layer)
{
    struct number n = {.there = true};
    bool array = value->type == GGUF_ARRAY;
    if (array && !per_layer)
        return n;
    enum gguf_type type = array ? value->element : value->type;
    if (type == GGUF_STRING || type == GGUF_ARRAY || (array && value->n == 0) || (!array && value->huge))
        return n;
    n.is_number = true;
    n.is_int = type != GGUF_F32 && type != GGUF_F64;
    n.i = !n.is_int ? 0 : array ? gguf_array_int(value, 0) : value->i;
    n.f = array ? gguf_array_float(value, 0) : value->f;
    for (size_t k = 1; array && k < value->n; k++)
        if (gguf_array_float(value, k) != n.f)
            n.is_number = false;
    return n;
}

static struct number find_number(const struct config *config, const char *gguf_keys, const char *hf_keys)
{
    const struct gguf_value *value = config_gguf(config, gguf_keys);
    if (value)
        return gguf_number(value, is_per_layer(gguf_keys));
    const json_t *json = config_json(config, hf_keys);
    if (!json)
        return (struct number){0};
    return (struct number){
        .there = true,
        .is_int = json_is_integer(json),
        .is_number = json_is_number(json),
        .i = json_integer_value(json),
        .f = json_number_value(json),
    };
}

bool config_int(const struct config *config, const char *gguf_keys, const char *hf_keys, int64_t min, int64_t max,
                int64_t *out, struct hob_error *err)
{
    char key[KEY_BYTES];
    struct number n = find_number(config, gguf_keys, hf_keys);
    if (!n.there)
        return true;
    if (!n.is_number || !n.is_int)
        return error_set(err, HOB_FORMAT, "%s: %s: want one integer in [%lld, %lld]", config->name,
                         shown(config, gguf_keys, hf_keys, key), (long long)min, (long long)max);
    if (n.i < min || n.i > max)
        return error_set(err, HOB_FORMAT, "%s: %s: found %lld, want [%lld, %lld]", config->name,
                         shown(config, gguf_keys, hf_keys, key), (long long)n.i, (long long)min, (long long)max);
    *out = n.i;
    return true;
}

bool config_float(const struct config *config, const char *gguf_keys, const char *hf_keys, double min, double max,
                  double *out, struct hob_error *err)
{
    char key[KEY_BYTES];
    struct number n = find_number(config, gguf_keys, hf_keys);
    if (!n.there)
        return true;
    if (!n.is_number)
        return error_set(err, HOB_FORMAT, "%s: %s: want a number in [%g, %g]", config->name,
                         shown(config, gguf_keys, hf_keys, key), min, max);
    if (!(n.f >= min && n.f <= max)) /* also NaN */
        return error_set(err, HOB_FORMAT, "%s: %s: found %g, want [%g, %g]", config->name,
                         shown(config, gguf_keys, hf_keys, key), n.f, min, max);
    *out = n.f;
    return true;
}

bool config_bool(const struct config *config, const char *gguf_keys, const char *hf_keys, bool *out,
                 struct hob_error *err)
{
    char key[KEY_BYTES];
    const struct gguf_value *value = config_gguf(config, gguf_keys);
    const json_t *json = config_json(config, hf_keys);
    if (value && value->type != GGUF_STRING && value->type != GGUF_ARRAY && (value->i == 0 || value->i == 1))
        *out = value->i;
    else if (json && json_is_boolean(json))
        *out = json_is_true(json);
    else if (value || json)
        return error_set(err, HOB_FORMAT, "%s: %s: want true or false", config->name,
                         shown(config, gguf_keys, hf_keys, key));
    return true;
}

bool config_string(const struct config *config, const char *gguf_keys, const char *hf_keys, struct str *out,
                   struct hob_error *err)
{
    char key[KEY_BYTES];
    const struct gguf_value *value = config_gguf(config, gguf_keys);
    const json_t *json = config_json(config, hf_keys);
    if (value && value->type == GGUF_STRING)
        *out = value->s;
    else if (json && json_is_string(json))
        *out = json_span(json);
    else if (value || json)
        return error_set(err, HOB_FORMAT, "%s: %s: want a string", config->name,
                         shown(config, gguf_keys, hf_keys, key));
    return true;
}

bool config_need(const struct config *config, const char *keys, struct hob_error *err)
{
    char key[KEY_BYTES];
    return config->gguf || config_json(config, keys) ||
           error_set(err, HOB_FORMAT, "%s: %s: is missing", config->name, shown(config, NULL, keys, key));
}

bool config_count(const struct config *config, const char *gguf_keys, const char *hf_keys, unsigned max, unsigned *out,
                  struct hob_error *err)
{
    char key[KEY_BYTES];
    int64_t n = 0;
    if (!config_int(config, gguf_keys, hf_keys, 1, max, &n, err))
        return false;
    if (n == 0)
        return error_set(err, HOB_FORMAT, "%s: %s: is missing, want a count in [1, %u]", config->name,
                         shown(config, gguf_keys, hf_keys, key), max);
    *out = (unsigned)n;
    return true;
}
