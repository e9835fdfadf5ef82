/* SPDX-License-Identifier: Apache-2.0
 *
 * The chat on a terminal.
 */
#include "cli/repl.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/interrupt.h"
#include "cli/line.h"
#include "cli/output.h"
#include "cli/slash.h"
#include "cli/tty.h"

static const char fence[] = "\"\"\"";

/* Reads on until the line that ends the text of several lines. False when it was given up. */
static bool read_fenced(struct repl *repl, struct buf *text)
{
    struct buf line = {0};
    bool closed = false, good = true;
    while (good && !closed) {
        good = line_read(repl->lines, "... ", &line) == LINE_TEXT;
        if (!good)
            break;
        line_remember(repl->lines, buf_view(&line));
        closed = str_ends(buf_view(&line), str_of(fence));
        buf_byte(text, '\n');
        buf_str(text, (struct str){line.ptr, line.len - (closed ? strlen(fence) : 0)});
    }
    buf_clear(&line);
    return good && !text->failed;
}

/* Reads what the person says, several lines between fences as one text, into `text`. */
static enum line_result read_turn(struct repl *repl, struct buf *text)
{
    struct buf line = {0};
    text->len = 0;
    const char *prompt = repl->colours ? "\1\033[1m\1>>>\1\033[0m\1 " : ">>> ";
    enum line_result result = line_read(repl->lines, prompt, &line);
    if (result == LINE_TEXT) {
        struct str said = buf_view(&line);
        line_remember(repl->lines, said);
        if (!str_starts(said, str_of(fence))) {
            buf_str(text, said);
        } else {
            said = (struct str){said.ptr + strlen(fence), said.len - strlen(fence)};
            bool closed = said.len && str_ends(said, str_of(fence));
            buf_str(text, (struct str){said.ptr, said.len - (closed ? strlen(fence) : 0)});
            if (!closed && !read_fenced(repl, text))
                result = LINE_DROPPED;
        }
    }
    buf_clear(&line);
    return result;
}

bool repl_answer(struct repl *repl, struct hob_error *err)
{
    struct talk_outcome outcome = {0};
    struct hob_error failure = {0};
    size_t n = json_array_size(repl->talk->messages);
    tty_hold(true);
    bool good = talk_reply(repl->talk, &outcome, &failure);
    tty_hold(false);
    if (output_failed())
        return error_set(err, HOB_DISK, "%s", "");
    if (!good) {
        /* What could not be answered is taken back: the next line would fail as well. */
        message_error(&failure);
        json_array_remove(repl->talk->messages, n - 1);
    }
    if (outcome.full)
        message("the context of %zu tokens is full: /clear starts anew, and a larger --ctx holds more",
                engine_get_plan(repl->talk->opened->engine)->ctx);
    output_format("\n");
    return true;
}

/* Does what a line says. */
static bool take_turn(struct repl *repl, struct str text, struct hob_error *err)
{
    size_t start = 0;
    while (start < text.len && (text.ptr[start] == ' ' || text.ptr[start] == '\t' || text.ptr[start] == '\n'))
        start++;
    if (start == text.len)
        return true;
    if (text.ptr[0] == '/')
        return slash_run(repl, text, err);
    return talk_add(repl->talk, "user", text, err) && repl_answer(repl, err);
}

bool repl_run(struct talk *talk, struct args *args, struct hob_error *err)
{
    struct repl repl = {.talk = talk, .args = args, .colours = *style_on(STYLE_BOLD) != '\0'};
    struct buf text = {0};
    bool good = true, asked = false; /* asked: Ctrl-C was the last thing pressed */
    if (!options_copy(&repl.initial, &args->options, err) || !(repl.lines = line_open(err))) {
        options_clear(&repl.initial);
        return false;
    }
    output_format("%s%s. /help lists the commands, Ctrl-D leaves.%s\n", style_on(STYLE_DIM), talk->opened->model->name,
                  style_on(STYLE_PLAIN));
    while (good && !repl.quits && output_flush()) {
        enum line_result result = read_turn(&repl, &text);
        if (result == LINE_END) {
            output_format("\n");
            good = !interrupt_is_final() || interrupt_error(err);
            break;
        }
        if (result == LINE_INTERRUPTED && asked)
            good = error_set(err, HOB_INTERRUPTED, "%s", "");
        else if (result == LINE_INTERRUPTED)
            message("Ctrl-C again, Ctrl-D or /quit leaves the chat");
        else if (result == LINE_TEXT)
            good = take_turn(&repl, buf_view(&text), err);
        asked = result == LINE_INTERRUPTED;
    }
    line_close(repl.lines);
    options_clear(&repl.initial);
    buf_clear(&text);
    return good;
}
