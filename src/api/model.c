/* SPDX-License-Identifier: Apache-2.0
 *
 * hob.h, sections 2 and 3: models and text.
 */
#include <stdlib.h>

#include "api/api.h"
#include "base/error.h"
#include "families/families.h"

const char *hob_version(void)
{
    return HOB_VERSION;
}

bool api_options(const char *json, struct options *options, struct hob_error *err)
{
    if (!options_init(options, err))
        return false;
    json_t *object = json ? json_read(str_of(json), "options", err) : NULL;
    if (!json)
        return true;
    bool good = object && (json_is_object(object) || error_set(err, HOB_USAGE, "options: want a JSON object")) &&
                options_set_session(options, object, err);
    json_decref(object);
    return good;
}

struct hob_plan api_plan(const struct engine_plan *plan)
{
    return (struct hob_plan){
        .ctx = plan->ctx,
        .ctx_wanted = plan->ctx_wanted,
        .batch = plan->batch,
        .parallel = plan->parallel,
        .threads = plan->threads,
        .weight_bytes = plan->weight_bytes,
        .cache_bytes = plan->cache_bytes,
        .cache_bytes_token = plan->cache_bytes_token,
        .work_bytes = plan->work_bytes,
        .available_bytes = plan->available_bytes,
    };
}

bool hob_plan(const char *path, const char *json, struct hob_plan *out, struct hob_error *err)
{
    size_t n;
    const struct family *const *families = families_all(&n);
    struct options options = {0};
    struct engine_options engine;
    struct engine_plan plan;
    uint64_t control = float_control_enter();
    struct model *model = model_open(path, err);
    bool good = model && model_bind(model, families, n, err) && api_options(json, &options, err) &&
                options_engine(&options, &engine, err) && engine_make_plan(model, &engine, &plan, err);
    if (good)
        *out = api_plan(&plan);
    options_clear(&options);
    model_close(model);
    float_control_leave(control);
    return good;
}

/* Sets a member unless its text is empty. */
static void set_text(json_t *to, const char *key, struct str text)
{
    if (text.len)
        json_object_set_new(to, key, json_bytes(text));
}

static bool describe(struct hob_model *model, struct hob_error *err)
{
    size_t n;
    const struct family *const *families = families_all(&n);
    struct model *m = model->model;
    json_t *json = json_object();
    set_text(json, "name", model_title(m));
    set_text(json, "architecture", model_architecture(m));
    set_text(json, "license", model_license(m));
    if (model_bind(m, families, n, NULL)) { /* a file with only a tokenizer has neither */
        json_object_set_new(json, "vocabulary", json_integer((json_int_t)m->n_vocab));
        json_object_set_new(json, "context", json_integer(m->hparams.n_ctx));
    }
    set_text(json, "chat_template", model_template_text(m, false));
    bool good = json && json_write(json, &model->description) && buf_text(&model->description);
    json_decref(json);
    return good || error_memory(err, model->description.len);
}

struct hob_model *hob_open(const char *path, struct hob_error *err)
{
    uint64_t control = float_control_enter();
    struct hob_model *model = calloc(1, sizeof *model);
    bool good = model || error_memory(err, sizeof *model);
    good = good && (model->model = model_open(path, err)) != NULL && describe(model, err);
    if (good) {
        /* Built now, so that threads only read them. Where there are none, the call that needs one says so. */
        model_tokenizer(model->model, NULL);
        model_template(model->model, false, NULL);
    } else {
        hob_close(model);
    }
    float_control_leave(control);
    return good ? model : NULL;
}

const char *hob_describe(const struct hob_model *model)
{
    return model->description.ptr;
}

void hob_close(struct hob_model *model)
{
    if (!model)
        return;
    model_close(model->model);
    buf_clear(&model->description);
    free(model);
}

bool hob_tokenize(const struct hob_model *model, const char *text, size_t size, unsigned flags, int32_t **tokens,
                  size_t *n, struct hob_error *err)
{
    struct ids ids = {0};
    const struct tokenizer *tokenizer = model_tokenizer(model->model, err);
    struct encode_options encode = {
        .special = flags & HOB_TEXT_SPECIAL,
        .add_bos = tokenizer && flags & HOB_TEXT_BOS && tokenizer_adds_bos(tokenizer),
        .add_eos = tokenizer && flags & HOB_TEXT_BOS && tokenizer_adds_eos(tokenizer),
    };
    bool good = tokenizer && tokenizer_encode(tokenizer, (struct str){text, size}, &encode, &ids, err);
    if (!good) {
        ids_clear(&ids);
        return false;
    }
    *tokens = ids.ptr;
    *n = ids.len;
    return true;
}

/* Hands the bytes of `buf` to the caller, or frees them. */
static bool hand_over(bool good, struct buf *buf, char **text, size_t *size, struct hob_error *err)
{
    if (good && !buf_text(buf))
        good = error_memory(err, buf->len);
    if (!good) {
        buf_clear(buf);
        return false;
    }
    *text = buf->ptr;
    *size = buf->len;
    *buf = (struct buf){0};
    return true;
}

bool hob_detokenize(const struct hob_model *model, const int32_t *tokens, size_t n, unsigned flags, char **text,
                    size_t *size, struct hob_error *err)
{
    struct detokenizer state = {0};
    struct buf out = {0};
    const struct tokenizer *tokenizer = model_tokenizer(model->model, err);
    bool good = tokenizer != NULL;
    for (size_t i = 0; good && i < n; i++) {
        if (tokens[i] < 0 || (size_t)tokens[i] >= tokenizer_size(tokenizer))
            good = error_set(err, HOB_USAGE, "token %zu is %d, want less than %zu", i, tokens[i],
                             tokenizer_size(tokenizer));
        else if (!detokenizer_add(&state, tokenizer, tokens[i], flags & HOB_TEXT_SPECIAL, &out))
            good = error_memory(err, out.len);
    }
    if (good && !detokenizer_end(&state, &out))
        good = error_memory(err, out.len);
    return hand_over(good, &out, text, size, err);
}

bool hob_render(const struct hob_model *model, const char *request, char **text, size_t *size, struct hob_error *err)
{
    struct rendered rendered = {0};
    uint64_t control = float_control_enter();
    json_t *json = json_read(str_of(request), "request", err);
    bool good = json && chat_render(model->model, NULL, json, &rendered, err);
    good = hand_over(good, &rendered.text, text, size, err);
    json_decref(json);
    rendered_clear(&rendered);
    float_control_leave(control);
    return good;
}

void hob_free(void *ptr)
{
    free(ptr);
}
