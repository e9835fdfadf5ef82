/* SPDX-License-Identifier: Apache-2.0
 *
 * Line editing, by libedit.
 */
#include "cli/line.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/ink.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/tty.h"
#include "store/home.h"

enum { MAX_HISTORY = 1000, MAX_FILE_BYTES = 4 << 20, TRIM_BYTES = 1 << 20, PROMPT_COLUMNS = 4 };

struct line_reader {
    EditLine *edit;
    History *history;
    const char *prompt;
    char *path; /* of the history's file; NULL: none */
    bool writes, interrupted, had_text;
    bool pasting;   /* between its marks */
    wchar_t quoted; /* comes next, after the key that quotes it; 0: none */
    char held[8];   /* bytes that were read ahead */
    size_t n_held;
};

static const char paste_start[] = "[200~", paste_end[] = "[201~"; /* after ESC */
enum { KEY_ESCAPE = 033, KEY_QUOTE = 'V' - '@' };

static char *get_prompt(EditLine *edit)
{
    struct line_reader *reader;
    el_get(edit, EL_CLIENTDATA, &reader);
    return (char *)reader->prompt;
}

/* Takes the line away from a screen of another width, where terminals wrap it anew. */
static void erase_wrapped(EditLine *edit)
{
    const LineInfo *line = el_line(edit);
    unsigned columns = PROMPT_COLUMNS + text_columns((struct str){line->buffer, (size_t)(line->cursor - line->buffer)});
    unsigned rows = columns / terminal_columns();
    if (rows)
        output_format("\033[%uA", rows);
    output_write(STR("\r\033[J"));
    output_flush();
}

/* Draws the line anew where the terminal has changed under it. */
static void redraw(struct line_reader *reader)
{
    bool stopped = tty_was_stopped(), resized = tty_was_resized();
    if (stopped) { /* the shell has set other modes */
        el_set(reader->edit, EL_PREP_TERM, 0);
        el_set(reader->edit, EL_PREP_TERM, 1);
    }
    if (resized) {
        if (*style_on(STYLE_PLAIN))
            erase_wrapped(reader->edit);
        el_resize(reader->edit);
    }
    if (stopped || resized)
        el_set(reader->edit, EL_REFRESH);
}

/* Reads one byte, unless Ctrl-C comes first. As read(). */
static ssize_t read_byte(struct line_reader *reader, char *byte)
{
    if (reader->n_held) {
        *byte = reader->held[0];
        memmove(reader->held, reader->held + 1, --reader->n_held);
        return 1;
    }
    sigset_t changes, before;
    sigemptyset(&changes);
    sigaddset(&changes, SIGWINCH);
    sigaddset(&changes, SIGCONT);
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = interrupt_fd(), .events = POLLIN}};
        /* A change that comes between the look and the wait ends the wait. */
        pthread_sigmask(SIG_BLOCK, &changes, &before);
        redraw(reader);
        bool waited = ppoll(fds, 2, NULL, &before) >= 0 || errno == EINTR;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (!waited)
            return -1;
        if (interrupt_pending()) {
            reader->interrupted = true;
            return -1;
        }
        redraw(reader);
        if (!fds[0].revents)
            continue;
        ssize_t n = read(STDIN_FILENO, byte, 1);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

/* Reads one character; bytes that are not UTF-8 become U+FFFD. As read(). */
static ssize_t read_character(struct line_reader *reader, wchar_t *out)
{
    char bytes[4];
    size_t n = 0;
    do {
        ssize_t got = read_byte(reader, &bytes[n]);
        if (got <= 0)
            return got;
        n++;
    } while (n < sizeof bytes && utf8_incomplete_tail((struct str){bytes, n}) == n);
    unsigned size;
    int32_t code = utf8_decode((struct str){bytes, n}, 0, &size);
    *out = code < 0 ? 0xfffd : (wchar_t)code;
    return 1;
}

/* After ESC: whether the mark of a paste follows. What was read and is no mark is held for later. As read(). */
static ssize_t read_mark(struct line_reader *reader, bool *found)
{
    const char *mark = reader->pasting ? paste_end : paste_start;
    char seen[sizeof paste_start];
    size_t n = 0;
    *found = false;
    do {
        ssize_t got = read_byte(reader, &seen[n]);
        if (got <= 0)
            return got;
        n++;
    } while (seen[n - 1] == mark[n - 1] && mark[n]);
    *found = seen[n - 1] == mark[n - 1];
    if (!*found && reader->n_held + n <= sizeof reader->held) {
        memmove(reader->held + n, reader->held, reader->n_held);
        memcpy(reader->held, seen, n);
        reader->n_held += n;
    }
    return 1;
}

/* Reads the next key. Line ends and tabs that are pasted are quoted, so that they are text; other control characters
 * that are pasted are left out. As read(). */
static ssize_t read_key(struct line_reader *reader, wchar_t *out)
{
    if (reader->quoted) {
        *out = reader->quoted;
        reader->quoted = 0;
        return 1;
    }
    for (;;) {
        bool is_mark = false;
        ssize_t got = read_character(reader, out);
        if (got > 0 && *out == KEY_ESCAPE)
            got = read_mark(reader, &is_mark);
        if (got <= 0)
            return got;
        if (is_mark) {
            reader->pasting = !reader->pasting;
        } else if (!reader->pasting || (*out >= 0x20 && *out != 0x7f)) {
            return 1;
        } else if (*out == '\r' || *out == '\n' || *out == '\t') {
            reader->quoted = *out == '\t' ? '\t' : '\n';
            *out = KEY_QUOTE;
            return 1;
        }
    }
}

/* Gives libedit the next character. */
static int get_character(EditLine *edit, wchar_t *out)
{
    struct line_reader *reader;
    el_get(edit, EL_CLIENTDATA, &reader);
    ssize_t got = read_key(reader, out);
    if (got <= 0) {
        const LineInfo *line = el_line(edit);
        reader->had_text = line->lastchar > line->buffer;
    }
    return (int)got;
}

static void remember(struct line_reader *reader, const char *line)
{
    HistEvent event;
    history(reader->history, &event, H_ENTER, line);
}

/* Reads the history's file; rewrites one that has grown long with what is kept of it. */
static void load_history(struct line_reader *reader)
{
    struct buf path = {0}, text = {0};
    if (home_data(&path, NULL) && buf_str(&path, STR("/history")) && buf_text(&path))
        reader->path = strdup(path.ptr);
    buf_clear(&path);
    if (!reader->path || !file_load(reader->path, MAX_FILE_BYTES, &text, NULL) || !buf_text(&text)) {
        buf_clear(&text);
        return;
    }
    size_t start = text.len, n_lines = 0;
    while (start > 0 && n_lines <= MAX_HISTORY)
        n_lines += text.ptr[--start] == '\n';
    start += n_lines > MAX_HISTORY;
    if (text.len > TRIM_BYTES)
        file_save(reader->path, (struct str){text.ptr + start, text.len - start}, NULL);
    for (char *line = text.ptr + start, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        remember(reader, line);
    }
    buf_clear(&text);
}

/* What line_open() uses: the terminal's description is a file. */
static EditLine *prepared;

static EditLine *new_edit(void)
{
    return el_init("hob", stdin, output_is_terminal() ? stdout : stderr, stderr);
}

void line_prepare(void)
{
    struct buf path = {0};
    if (home_data(&path, NULL) && buf_text(&path))
        file_make_folder(path.ptr, NULL);
    buf_clear(&path);
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    if (!prepared)
        prepared = new_edit();
}

struct line_reader *line_open(struct hob_error *err)
{
    struct line_reader *reader = calloc(1, sizeof *reader);
    if (reader) {
        const char *term = getenv("TERM");
        tty_take(output_is_terminal() && term && strcmp(term, "dumb") != 0);
        reader->writes = true;
        reader->edit = prepared ? prepared : new_edit();
        prepared = NULL;
        reader->history = history_init();
    }
    if (!reader || !reader->edit || !reader->history) {
        error_set(err, HOB_LIMIT, "the terminal cannot be set up for line editing");
        line_close(reader);
        return NULL;
    }
    HistEvent event;
    history(reader->history, &event, H_SETSIZE, MAX_HISTORY);
    history(reader->history, &event, H_SETUNIQUE, 1);
    el_set(reader->edit, EL_CLIENTDATA, reader);
    el_set(reader->edit, EL_PROMPT_ESC, get_prompt, '\1');
    el_set(reader->edit, EL_EDITOR, "emacs");
    el_set(reader->edit, EL_HIST, history, reader->history);
    el_set(reader->edit, EL_GETCFN, get_character);
    el_set(reader->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    load_history(reader);
    return reader;
}

void line_close(struct line_reader *reader)
{
    if (!reader)
        return;
    if (reader->edit)
        el_end(reader->edit);
    if (reader->history)
        history_end(reader->history);
    tty_give_back();
    free(reader->path);
    free(reader);
}

enum line_result line_read(struct line_reader *reader, const char *prompt, struct buf *out)
{
    int n = 0;
    reader->prompt = prompt;
    reader->interrupted = reader->had_text = reader->pasting = false;
    reader->quoted = 0;
    out->len = 0;
    tty_was_stopped(); /* while nothing was edited */
    if (tty_was_resized())
        el_resize(reader->edit);
    const char *line = el_gets(reader->edit, &n);
    if (reader->interrupted) {
        fputs("^C\n", stderr);
        interrupt_take();
        el_reset(reader->edit);
        if (interrupt_is_final())
            return LINE_END;
        return reader->had_text ? LINE_DROPPED : LINE_INTERRUPTED;
    }
    if (!line || n <= 0)
        return LINE_END;
    buf_str(out, str_of(line));
    while (out->len && (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == '\r'))
        out->len--;
    return LINE_TEXT;
}

void line_remember(struct line_reader *reader, struct str line)
{
    struct buf copy = {0};
    if (line.len && buf_str(&copy, line) && buf_text(&copy)) {
        remember(reader, copy.ptr);
        for (size_t i = 0; i < copy.len; i++)
            copy.ptr[i] = copy.ptr[i] == '\n' ? ' ' : copy.ptr[i];
        int fd = reader->path && reader->writes ? file_descriptor(reader->path, FILE_HISTORY, NULL) : -1;
        copy.ptr[copy.len] = '\n'; /* where the NUL is */
        /* A history that cannot be written is no reason to stop a chat. */
        if (fd >= 0 && write(fd, copy.ptr, copy.len + 1) < 0)
            reader->writes = false;
        if (fd >= 0)
            close(fd);
    }
    buf_clear(&copy);
}

void line_set_history(struct line_reader *reader, bool on)
{
    reader->writes = on;
}
