/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model file says of itself, whatever its format: GGUF metadata under `<architecture>.`, or config.json.
 *
 * A key is named in both worlds at once. Alternatives are separated by '|' and tried in turn; in config.json a '.' goes
 * one object deeper. NULL: the format has no such key.
 */
#ifndef HOB_MODEL_CONFIG_H
#define HOB_MODEL_CONFIG_H

#include "formats/gguf.h"
#include "formats/hf.h"

/* Exactly one of gguf and json is set. */
struct config {
    const struct gguf *gguf;
    const json_t *json; /* config.json's text model */
    const char *arch;   /* GGUF's general.architecture */
    const char *name;   /* of the file or folder, for messages */
};

/* Each reads one key. Absent, or null: true and *out unchanged. Of another kind, or outside [min, max]: false and
 * the error names file, key, range and what was found. A per-layer array whose elements are equal is that one number.
 */
bool config_int(const struct config *config, const char *gguf_keys, const char *hf_keys, int64_t min, int64_t max,
                int64_t *out, struct hob_error *err);
bool config_float(const struct config *config, const char *gguf_keys, const char *hf_keys, double min, double max,
                  double *out, struct hob_error *err);
bool config_bool(const struct config *config, const char *gguf_keys, const char *hf_keys, bool *out,
                 struct hob_error *err);
bool config_string(const struct config *config, const char *gguf_keys, const char *hf_keys, struct str *out,
                   struct hob_error *err);

/* config_int() for a count that must be there, as an unsigned. */
bool config_count(const struct config *config, const char *gguf_keys, const char *hf_keys, unsigned max, unsigned *out,
                  struct hob_error *err);

/* Refuses a config.json without any of `keys`, where the publisher's code would fill in a number of its own; GGUF
 * passes. */
bool config_need(const struct config *config, const char *keys, struct hob_error *err);

/* The value in config.json at one of `keys`, or NULL (also for GGUF). Borrowed. */
const json_t *config_json(const struct config *config, const char *keys);

/* The metadata value of `<arch>.<one of keys>`, or NULL (also for config.json). Borrowed. */
const struct gguf_value *config_gguf(const struct config *config, const char *keys);

#endif
