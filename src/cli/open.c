/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a model for a command.
 */
#include "cli/open.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "families/families.h"
#include "store/library.h"

/* The bar of a load, which several workers report to. */
struct load_progress {
    struct progress bar;
    atomic_flag busy;
};

/* Shows the bytes done; a worker that finds another at it goes on. False ends the load. */
static bool on_load(void *ctx, size_t done, size_t total)
{
    struct load_progress *load = ctx;
    if (!atomic_flag_test_and_set(&load->busy)) {
        progress_set(&load->bar, done, total);
        atomic_flag_clear(&load->busy);
    }
    return !interrupt_pending();
}

bool open_model(struct opened *opened, const char *name, struct hob_error *err)
{
    struct buf path = {0};
    if (opened->model)
        return true;
    if (library_resolve(name, &path, &opened->settings, err))
        opened->model = model_open(buf_text(&path), err);
    buf_clear(&path);
    return opened->model != NULL;
}

bool open_bound(struct opened *opened, const char *name, struct hob_error *err)
{
    size_t n;
    const struct family *const *families = families_all(&n);
    return open_model(opened, name, err) && model_bind(opened->model, families, n, err);
}

/* Says so when the model brings code, and when the context is smaller than it was to be or larger than the model was
 * made for. */
static void tell_opened(const struct opened *opened)
{
    const struct engine_plan *plan = engine_get_plan(opened->engine);
    if (model_has_code(opened->model))
        message("%s: auto_map names code of the model's own; it is not run", opened->model->name);
    if (plan->ctx > opened->model->hparams.n_ctx)
        message("the context of %zu tokens is larger than the model's own, %u: what lies beyond may make no sense",
                plan->ctx, opened->model->hparams.n_ctx);
    if (plan->ctx < plan->ctx_wanted)
        message("context reduced from %zu to %zu tokens to fit memory (%.1f GB available); --kv q8_0 takes half",
                plan->ctx_wanted, plan->ctx, (double)plan->available_bytes / 1e9);
}

bool open_chat(struct opened *opened, struct args *args, const char *name, struct hob_error *err)
{
    double start_ms = clock_ms();
    struct load_progress load = {.bar = {.label = "loading model", .unit = PROGRESS_BYTES}, .busy = ATOMIC_FLAG_INIT};
    const json_t *parameters;
    if (!open_bound(opened, name, err))
        return false;
    parameters = json_object_get(opened->settings, "parameters");
    if ((parameters && !options_set_defaults(&args->options, parameters, err)) ||
        !options_from_model(&args->options, opened->model, err) ||
        !persona_init(&opened->persona, &args->options, opened->settings, err))
        return false;
    interrupt_catch();
    opened->chat = chat_new(opened->model, &args->options, on_load, &load, err);
    progress_end(&load.bar);
    if (!opened->chat)
        return false;
    opened->engine = chat_engine(opened->chat);
    if (!options_get(&args->options, "template")->given)
        chat_set_persona(opened->chat, &opened->persona);
    opened->load_ms = clock_ms() - start_ms;
    tell_opened(opened);
    return true;
}

bool open_digest(struct opened *opened, struct hob_error *err)
{
    struct load_progress load = {.bar = {.label = "hashing model", .unit = PROGRESS_BYTES}, .busy = ATOMIC_FLAG_INIT};
    bool good = chat_digest(opened->chat, on_load, &load, err);
    progress_end(&load.bar);
    return good;
}

bool open_engine(struct opened *opened, const struct args *args, const char *name, struct hob_error *err)
{
    double start_ms = clock_ms();
    struct load_progress load = {.bar = {.label = "loading model", .unit = PROGRESS_BYTES}, .busy = ATOMIC_FLAG_INIT};
    struct engine_options options;
    if (!open_bound(opened, name, err) || !options_engine(&args->options, &options, err))
        return false;
    interrupt_catch();
    opened->engine = engine_new(opened->model, &options, on_load, &load, err);
    progress_end(&load.bar);
    if (!opened->engine)
        return false;
    opened->load_ms = clock_ms() - start_ms;
    tell_opened(opened);
    return true;
}

void opened_close(struct opened *opened)
{
    if (opened->chat)
        chat_free(opened->chat);
    else
        engine_free(opened->engine);
    persona_clear(&opened->persona);
    json_decref(opened->settings);
    model_close(opened->model);
    *opened = (struct opened){0};
}
