/* SPDX-License-Identifier: Apache-2.0
 *
 * hob tokenize: text to ids and back.
 */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/output.h"

enum { MAX_LINE_BYTES = 256 << 20 };

struct tokenizing {
    const struct tokenizer *tokenizer;
    struct encode_options encode;
    size_t n_lost; /* bytes that have no token */
    bool json, decode, count;
    struct ids ids;
    struct buf out;
};

/* Ids as text: each colon-aligned row has the id, the kind of token if it is no ordinary one, and the piece. */
static bool put_table(struct tokenizing *t)
{
    static const char *const kinds[] = {
        [TOKEN_UNDEFINED] = "",         [TOKEN_NORMAL] = "",
        [TOKEN_UNKNOWN] = "unknown",    [TOKEN_CONTROL] = "control",
        [TOKEN_USER_DEFINED] = "added", [TOKEN_UNUSED] = "unused",
        [TOKEN_BYTE] = "byte",
    };
    for (size_t i = 0; i < t->ids.len && !output_failed(); i++) {
        enum token_type type = tokenizer_type(t->tokenizer, t->ids.ptr[i]);
        struct buf piece = {0};
        t->out.len = 0;
        if (!tokenizer_piece(t->tokenizer, t->ids.ptr[i], true, &piece) || !text_inert(buf_view(&piece), &t->out)) {
            buf_clear(&piece);
            return false;
        }
        output_format("%s%8d%s  %-8s%s", style_on(STYLE_DIM), t->ids.ptr[i], style_on(STYLE_PLAIN),
                      (size_t)type < sizeof kinds / sizeof *kinds ? kinds[type] : "",
                      style_on(type == TOKEN_CONTROL ? STYLE_YELLOW
                               : i % 2               ? STYLE_GREEN
                                                     : STYLE_CYAN));
        /* Quotes show where spaces are; newlines and tabs become visible. */
        output_write(STR("\""));
        for (size_t k = 0; k < t->out.len; k++) {
            char c = t->out.ptr[k];
            output_write(c == '\n' ? STR("\\n") : c == '\t' ? STR("\\t") : (struct str){&c, 1});
        }
        output_format("\"%s\n", style_on(STYLE_PLAIN));
        buf_clear(&piece);
    }
    return true;
}

static bool put_ids(struct tokenizing *t)
{
    t->out.len = 0;
    buf_byte(&t->out, '[');
    for (size_t i = 0; i < t->ids.len; i++)
        buf_format(&t->out, i ? ", %d" : "%d", t->ids.ptr[i]);
    buf_str(&t->out, STR("]\n"));
    output_write(buf_view(&t->out));
    return !t->out.failed;
}

/* Ids to text. */
static bool put_text(struct tokenizing *t, bool is_line, struct hob_error *err)
{
    struct detokenizer state = {0};
    t->out.len = 0;
    for (size_t i = 0; i < t->ids.len; i++) {
        if ((size_t)t->ids.ptr[i] >= tokenizer_size(t->tokenizer))
            return error_set(err, HOB_USAGE, "id %d: want less than %zu", t->ids.ptr[i], tokenizer_size(t->tokenizer));
        if (!detokenizer_add(&state, t->tokenizer, t->ids.ptr[i], t->encode.special, &t->out))
            return error_memory(err, t->out.len);
    }
    if (!detokenizer_end(&state, &t->out))
        return error_memory(err, t->out.len);
    if (t->json) {
        json_t *text = json_bytes(buf_view(&t->out));
        output_json(text);
        json_decref(text);
        return true;
    }
    output_write(buf_view(&t->out));
    if (is_line || output_is_terminal())
        output_write(STR("\n"));
    return true;
}

/* One text, or one list of ids. */
static bool convert(struct tokenizing *t, struct str text, bool is_line, struct hob_error *err)
{
    t->ids.len = 0;
    if (t->decode)
        return input_ids("ids", text, &t->ids, err) && put_text(t, is_line, err);
    if (!tokenizer_encode(t->tokenizer, text, &t->encode, &t->ids, err))
        return false;
    if (t->count)
        return output_format("%zu\n", t->ids.len) || output_end(err);
    bool good = t->json || is_line ? put_ids(t) : put_table(t);
    return good || error_memory(err, t->out.len);
}

static bool convert_lines(struct tokenizing *t, const char *path, struct hob_error *err)
{
    bool end = false, good = true;
    const char *name;
    FILE *file = input_open(path ? path : "-", &name, err);
    struct buf line = {0};
    if (!file)
        return false;
    while ((good = input_line(file, name, MAX_LINE_BYTES, &line, &end, err)) && !end) {
        good = convert(t, buf_view(&line), true, err);
        if (!good || output_failed() || interrupt_pending())
            break;
    }
    if (good && interrupt_pending())
        good = interrupt_error(err);
    buf_clear(&line);
    if (file != stdin)
        fclose(file);
    return good;
}

static bool tokenize_run(struct args *args, struct hob_error *err)
{
    const struct option_value *file = args_own(args, "file"), *bos = args_own(args, "bos");
    bool lines = args_own(args, "lines")->flag, has_word = args->n_words > 1;
    struct opened opened = {0};
    struct buf text = {0};
    struct tokenizing t = {
        .json = args->json,
        .decode = args_own(args, "decode")->flag,
        .count = args_own(args, "count")->flag,
    };
    if (has_word && (file->given || lines))
        return error_set(err, HOB_USAGE, "want TEXT or --%s, not both", file->given ? "file" : "lines");
    if (t.decode && t.count)
        return error_set(err, HOB_USAGE, "want --decode or --count, not both");
    bool good = open_model(&opened, args->words[0], err);
    t.tokenizer = good ? model_tokenizer(opened.model, err) : NULL;
    good = t.tokenizer != NULL;
    if (good)
        t.encode = (struct encode_options){
            .special = args_own(args, "special")->flag,
            .add_bos = bos->given ? bos->flag : tokenizer_adds_bos(t.tokenizer),
            .add_eos = (!bos->given || bos->flag) && tokenizer_adds_eos(t.tokenizer),
            .n_lost = &t.n_lost,
        };
    if (good && lines) {
        good = convert_lines(&t, file->text, err);
    } else if (good) {
        if (has_word)
            good = buf_str(&text, str_of(args->words[1])) || error_memory(err, strlen(args->words[1]));
        else
            good = file->given ? file_load(file->text, INPUT_MAX_BYTES, &text, err) : input_piped("a text", &text, err);
        good = good && convert(&t, buf_view(&text), false, err);
    }
    input_tell_lost(t.n_lost);
    buf_clear(&text);
    buf_clear(&t.out);
    ids_clear(&t.ids);
    opened_close(&opened);
    return good;
}

static const struct option own_options[] = {
    {"file", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL, "the text of a file; - is standard input"},
    {"lines", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "each line by itself"},
    {"special", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL,
     "text may name special tokens; with --decode they are shown"},
    {"bos", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, "[no-]", NULL,
     "with, or without, the tokens that the model wants around a text (default: as it wants)"},
    {"decode", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "ids to text"},
    {"count", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "only how many"},
    {0},
};

static const struct example examples[] = {
    {"hob tokenize smollm2 \"Hello, world!\"", "a table of pieces"},
    {"hob tokenize smollm2 --file book.txt --count", "how long a file is, in tokens"},
    {"hob tokenize smollm2 --lines --json --no-bos < texts.txt", "an array of ids for each line"},
    {"hob tokenize smollm2 --decode \"19556, 28, 905\"", "ids to text"},
    {0},
};

const struct command tokenize_command = {
    .name = "tokenize",
    .summary = "Cuts a text into tokens, or puts it together",
    .usage = "MODEL [TEXT]",
    .help = "The text is TEXT, that of --file, or standard input, byte for byte. Names of special tokens in it are "
            "plain text unless --special is given. With --lines a line is what stands between newlines; a carriage "
            "return before a newline is part of it.\n\n"
            "Only the tokenizer of the model is read: a file or folder that holds nothing else will do.",
    .examples = examples,
    .options = own_options,
    .json = "an array of ids; with --lines one a line; with --decode a string",
    .min_words = 1,
    .max_words = 2,
    .wall = WALL_AT_ONCE,
    .run = tokenize_run,
};
