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
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "store/home.h"

enum { MAX_HISTORY = 1000, MAX_FILE_BYTES = 4 << 20, TRIM_BYTES = 1 << 20 };

struct line_reader {
    EditLine *edit;
    History *history;
    const char *prompt;
    char *path; /* of the history's file; NULL: none */
    bool writes, interrupted, had_text;
};

static char *get_prompt(EditLine *edit)
{
    struct line_reader *reader;
    el_get(edit, EL_CLIENTDATA, &reader);
    return (char *)reader->prompt;
}

/* Reads one byte, unless Ctrl-C comes first. As read(). */
static ssize_t read_byte(struct line_reader *reader, char *byte)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = interrupt_fd(), .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (interrupt_pending()) {
            reader->interrupted = true;
            return -1;
        }
        if (!fds[0].revents)
            continue;
        ssize_t n = read(STDIN_FILENO, byte, 1);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

/* Gives libedit the next character; bytes that are not UTF-8 become U+FFFD. */
static int get_character(EditLine *edit, wchar_t *out)
{
    struct line_reader *reader;
    char bytes[4];
    size_t n = 0;
    el_get(edit, EL_CLIENTDATA, &reader);
    do {
        ssize_t got = read_byte(reader, &bytes[n]);
        if (got <= 0) {
            const LineInfo *line = el_line(edit);
            reader->had_text = line->lastchar > line->buffer;
            return (int)got;
        }
        n++;
    } while (n < sizeof bytes && utf8_incomplete_tail((struct str){bytes, n}) == n);
    unsigned size;
    int32_t code = utf8_decode((struct str){bytes, n}, 0, &size);
    *out = code < 0 ? 0xfffd : (wchar_t)code;
    return 1;
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
    if (home_data(&path, NULL) && file_make_folder(buf_text(&path), NULL) && buf_str(&path, STR("/history")) &&
        buf_text(&path))
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

/* Characters need a UTF-8 locale, whatever the environment says. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

struct line_reader *line_open(struct hob_error *err)
{
    struct line_reader *reader = calloc(1, sizeof *reader);
    set_locale();
    if (reader) {
        reader->writes = true;
        reader->edit = el_init("hob", stdin, output_is_terminal() ? stdout : stderr, stderr);
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
    free(reader->path);
    free(reader);
}

enum line_result line_read(struct line_reader *reader, const char *prompt, struct buf *out)
{
    int n = 0;
    reader->prompt = prompt;
    reader->interrupted = reader->had_text = false;
    out->len = 0;
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
        int fd = reader->path && reader->writes
                     ? open(reader->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)
                     : -1;
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
