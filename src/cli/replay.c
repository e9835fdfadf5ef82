/* SPDX-License-Identifier: Apache-2.0
 *
 * hob replay: runs a receipt again and says whether the bytes are the same.
 */
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "store/digest.h"

/* What a reply says beside its receipt, and must say again. */
static const char *const reply_members[] = {"text", "thinking", "tool_calls", "tokens"};

/* The members of a receipt's options that belong to the session, not to the request. */
static const char *const session_options[] = {"kv", "precise", "ctx"};

/* The receipt of a file: the object itself, or that of a reply. The caller owns the reference. */
static json_t *read_receipt(const char *path, struct hob_error *err)
{
    json_t *file = json_read_file(path, INPUT_MAX_BYTES, err);
    if (!file)
        return NULL;
    json_t *receipt = json_object_get(file, "receipt");
    receipt = receipt ? json_copy(receipt) : json_incref(file);
    for (size_t i = 0; receipt && i < sizeof reply_members / sizeof *reply_members; i++)
        if (json_object_get(file, reply_members[i]))
            json_object_set(receipt, reply_members[i], json_object_get(file, reply_members[i]));
    json_decref(file);
    static const char *const wanted[] = {"model_sha256", "reply_sha256", "logits_sha256"};
    bool good =
        json_is_array(json_object_get(receipt, "prompt_tokens")) && json_is_object(json_object_get(receipt, "options"));
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        good = good && json_string_length(json_object_get(receipt, wanted[i])) == 64;
    const json_t *seed = json_object_get(receipt, "seed");
    good = good && (!seed || json_equal((json_t *)seed, json_object_get(json_object_get(receipt, "options"), "seed")));
    if (good)
        return receipt;
    error_set(err, HOB_FORMAT, "%s: is neither a receipt nor a reply with one", path);
    json_decref(receipt);
    return NULL;
}

/* Sets the options of the session that results depend on, unless the command line gave others. */
static bool set_session(struct args *args, const json_t *options, struct hob_error *err)
{
    for (size_t i = 0; i < sizeof session_options / sizeof *session_options; i++) {
        const json_t *value = json_object_get(options, session_options[i]);
        size_t at = options_find(str_of(session_options[i]));
        struct option_value *to = &args->options.values[at];
        if (!value || to->given)
            continue;
        if (json_is_boolean(value))
            to->flag = json_is_true(value);
        else if (json_is_integer(value))
            to->i = json_integer_value(value);
        else if (!options_set(&args->options, at, json_string_value(value), err))
            return false;
        to->given = true;
    }
    return true;
}

/* The request that the receipt is of. The caller owns the reference. */
static json_t *make_request(const json_t *receipt)
{
    json_t *request = json_copy(json_object_get(receipt, "options"));
    for (size_t i = 0; i < sizeof session_options / sizeof *session_options; i++)
        json_object_del(request, session_options[i]);
    json_object_set(request, "tokens", json_object_get(receipt, "prompt_tokens"));
    if (json_object_get(receipt, "now"))
        json_object_set(request, "now", json_object_get(receipt, "now"));
    static const char *const same[] = {"constraint", "markup"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (json_object_get(receipt, same[i]))
            json_object_set(request, same[i], json_object_get(receipt, same[i]));
    return request;
}

/* The path of the receipt's model: --model, or where a model of this digest was last seen. */
static bool find_model(const struct args *args, const json_t *receipt, struct buf *path, struct hob_error *err)
{
    const struct option_value *model = args_own(args, "model");
    if (model->given)
        return buf_str(path, str_of(model->text)) || error_memory(err, 1);
    return digest_find(json_string_value(json_object_get(receipt, "model_sha256")), path, err);
}

static void on_event(void *user, const struct chat_event *event)
{
    struct progress *progress = user;
    if (event->kind == CHAT_PREFILL)
        progress_set(progress, event->n_done, event->n_prompt);
    else
        progress_end(progress);
}

/* Runs the request; the reply's JSON is the caller's. */
static json_t *run_again(struct chat *chat, const json_t *request, struct hob_error *err)
{
    struct progress progress = {.label = "reading", .unit = PROGRESS_TOKENS};
    struct reply *reply = chat_submit(chat, request, true, NULL, err);
    json_t *json = NULL;
    if (!reply)
        return NULL;
    while (chat_step(chat, on_event, &progress))
        if (interrupt_pending())
            reply_cancel(reply);
    if (interrupt_pending())
        interrupt_error(err);
    else if (reply_error(reply)->status == HOB_OK)
        json = reply_json(reply, err);
    else if (err)
        *err = *reply_error(reply);
    reply_free(reply);
    return json;
}

/* Says which bytes differ. A reply that was cancelled is compared as far as it went only by a person. */
static bool compare(const json_t *receipt, const json_t *reply, bool as_json, struct hob_error *err)
{
    const json_t *again = json_object_get(reply, "receipt");
    static const char *const compared[] = {"model_sha256", "reply_sha256", "logits_sha256"};
    static const char *const names[] = {"the model", "the text", "the logits"};
    json_t *report = json_object();
    struct buf differing = {0};
    for (size_t i = 0; i < sizeof reply_members / sizeof *reply_members; i++) {
        const json_t *said = json_object_get(receipt, reply_members[i]);
        if (said && !json_equal((json_t *)said, json_object_get(reply, reply_members[i])))
            buf_format(&differing, "%sthe reply's %s", differing.len ? ", " : "", reply_members[i]);
    }
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
        bool same = json_equal(json_object_get(receipt, compared[i]), json_object_get(again, compared[i]));
        json_object_set_new(report, compared[i], json_boolean(same));
        if (!same)
            buf_format(&differing, "%s%s", differing.len ? ", " : "", names[i]);
    }
    if (as_json)
        output_json(report);
    else if (!differing.len)
        output_write(STR("the same bytes: model, text and logits\n"));
    json_decref(report);
    bool same = differing.len == 0;
    if (!same)
        error_set(err, HOB_INTEGRITY, "the receipt and the run again differ in %s",
                  buf_text(&differing) ? differing.ptr : "something");
    buf_clear(&differing);
    return same;
}

static bool replay_run(struct args *args, struct hob_error *err)
{
    struct opened opened = {0};
    struct buf path = {0};
    json_t *receipt = read_receipt(args->words[0], err), *request = NULL, *reply = NULL;
    bool good = receipt && set_session(args, json_object_get(receipt, "options"), err) &&
                find_model(args, receipt, &path, err) && open_chat(&opened, args, buf_text(&path), err) &&
                open_digest(&opened, err);
    good = good && (request = make_request(receipt)) != NULL &&
           (reply = run_again(opened.chat, request, err)) != NULL && compare(receipt, reply, args->json, err);
    json_decref(reply);
    json_decref(request);
    json_decref(receipt);
    buf_clear(&path);
    opened_close(&opened);
    return good;
}

static const struct option own_options[] = {
    {"model", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "MODEL", NULL, "the model; default: found by its digest"},
    {0},
};

static const struct example examples[] = {
    {"hob generate smollm2 \"Once\" -n 50 --json > reply.json", "a reply with its receipt"},
    {"hob replay reply.json --isa ref -t 1", "the same bytes from plain C on one thread"},
    {0},
};

const struct command replay_command = {
    .name = "replay",
    .summary = "Runs a receipt again and compares the bytes",
    .usage = "RECEIPT",
    .help = "RECEIPT is a file with a reply, or its receipt, as --json gives it. The prompt's ids, the options and the "
            "seed come from it; threads, batch, kernels and the like may be given and must not matter.\n\n"
            "Exit code 8 when the model, the text or the logits differ in a byte.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_MACHINE,
    .json = "{\"model_sha256\", \"reply_sha256\", \"logits_sha256\"}, each true when it is the same",
    .min_words = 1,
    .max_words = 1,
    .wall = WALL_AT_ONCE,
    .run = replay_run,
};
