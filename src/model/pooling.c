/* SPDX-License-Identifier: Apache-2.0
 *
 * How a model's file wants its rows put together: GGUF's pooling_type, or the files of sentence-transformers.
 */
#include "base/error.h"
#include "model/model.h"

/* sentence-transformers's names: a flag each, or a value of "pooling_mode". */
static const struct {
    const char *flag, *mode;
    enum pooling pooling; /* POOL_NONE: not known here */
} modes[] = {
    {"pooling_mode_mean_tokens", "mean", POOL_MEAN},
    {"pooling_mode_cls_token", "cls", POOL_CLS},
    {"pooling_mode_lasttoken", "lasttoken", POOL_LAST},
    {"pooling_mode_max_tokens", "max", POOL_NONE},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", POOL_NONE},
    {"pooling_mode_weightedmean_tokens", "weightedmean", POOL_NONE},
};

enum { N_MODES = sizeof modes / sizeof *modes };

bool model_has_pooling(const struct model *model)
{
    struct config config = model_config(model);
    return model->hf ? model->hf->pooling || model->hf->modules : config_gguf(&config, "pooling_type") != NULL;
}

/* A folder's modules: the model, a pooling, and what makes the length 1. */
static bool check_modules(const struct model *model, struct hob_error *err)
{
    static const char *const known[] = {".Transformer", ".Pooling", ".Normalize"};
    size_t i;
    json_t *module;
    json_array_foreach(model->hf->modules, i, module)
    {
        const json_t *type = json_object_get(module, "type");
        bool good = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            good = good || str_ends(json_span(type), str_of(known[k]));
        if (!good)
            return error_set(err, HOB_FORMAT, "%s: modules.json: %.100s is not known; its vectors would be wrong",
                             model->name, json_is_string(type) ? json_string_value(type) : "a module without a type");
    }
    return true;
}

static bool folder_pooling(const struct model *model, enum pooling *pooling, struct hob_error *err)
{
    const json_t *config = model->hf->pooling, *mode = json_object_get(config, "pooling_mode");
    const char *found = NULL;
    size_t n = 0;
    if (!check_modules(model, err))
        return false;
    if (!config)
        return true;
    *pooling = POOL_NONE;
    for (size_t i = 0; i < N_MODES; i++) {
        if (!json_is_true(json_object_get(config, modes[i].flag)) && !str_eq(json_span(mode), str_of(modes[i].mode)))
            continue;
        *pooling = modes[i].pooling;
        found = modes[i].mode;
        n++;
    }
    if (n == 1 && *pooling != POOL_NONE)
        return true;
    if (json_is_string(mode) && !found)
        found = json_string_value(mode);
    return error_set(err, HOB_FORMAT, "%s: 1_Pooling: %.60s, want one of mean, cls, lasttoken", model->name,
                     n > 1   ? "several at once"
                     : found ? found
                             : "none");
}

bool model_pooling(const struct model *model, enum pooling *pooling, struct hob_error *err)
{
    /* GGUF's numbers: none, mean, cls, last, rank */
    static const enum pooling types[] = {POOL_MEAN, POOL_MEAN, POOL_CLS, POOL_LAST};
    struct config config = model_config(model);
    int64_t type = 0;
    *pooling = POOL_MEAN;
    if (model->hf)
        return folder_pooling(model, pooling, err);
    if (!config_int(&config, "pooling_type", NULL, INT64_MIN, INT64_MAX, &type, err))
        return false;
    if (type < 0 || type > 3)
        return error_set(err, HOB_FORMAT, "%s: %s.pooling_type: found %lld, want 0 to 3%s", model->name, model->arch,
                         (long long)type, type == 4 ? " (4 is a model that ranks)" : "");
    *pooling = types[type];
    return true;
}
