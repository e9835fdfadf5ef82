/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard output and standard error.
 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"

enum { MAX_MESSAGE = 201, HEAD_BYTES = 40 }; /* a line on standard error with its NUL; the start of one that is cut */

static int write_errno; /* of the first write to standard output that failed */

void output_init(void)
{
    /* A closed descriptor would be given to the next file that is opened. A read-only one in place of standard output
     * makes writes fail, as they should. */
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd)
            _exit(HOB_DISK);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a write that fails */
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
}

bool output_write(struct str bytes)
{
    errno = 0;
    if (bytes.len && fwrite(bytes.ptr, 1, bytes.len, stdout) != bytes.len && !write_errno)
        write_errno = errno ? errno : EIO;
    return !write_errno;
}

bool output_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    errno = 0;
    if (vprintf(format, args) < 0 && !write_errno)
        write_errno = errno ? errno : EIO;
    va_end(args);
    return !write_errno;
}

bool output_json(const json_t *value)
{
    struct buf text = {0};
    json_write(value, &text);
    buf_byte(&text, '\n');
    if (text.failed && !write_errno)
        write_errno = ENOMEM;
    output_write(buf_view(&text));
    buf_clear(&text);
    return !write_errno;
}

bool output_flush(void)
{
    errno = 0;
    if (fflush(stdout) != 0 && !write_errno)
        write_errno = errno ? errno : EIO;
    return !write_errno;
}

bool output_failed(void)
{
    return write_errno != 0;
}

bool output_end(struct hob_error *err)
{
    output_flush();
    if (!write_errno)
        return true;
    if (write_errno == EPIPE) {
        error_clear(err);
        if (err)
            err->status = HOB_DISK;
        return false;
    }
    return error_set(err, HOB_DISK, "standard output: cannot be written: %s", strerror(write_errno));
}

bool output_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

bool messages_are_terminal(void)
{
    return isatty(STDERR_FILENO);
}

/* The size of the terminal at standard output or error. */
static bool terminal_size(struct winsize *size)
{
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, size) == 0 || ioctl(STDERR_FILENO, TIOCGWINSZ, size) == 0;
}

unsigned terminal_columns(void)
{
    struct winsize size;
    return !terminal_size(&size) || size.ws_col == 0 ? 80 : size.ws_col < 20 ? 20 : size.ws_col;
}

unsigned terminal_rows(void)
{
    struct winsize size;
    return !terminal_size(&size) || size.ws_row == 0 ? 24 : size.ws_row < 4 ? 4 : size.ws_row;
}

const char *style_on(enum style style)
{
    static const char *const sequences[] = {
        [STYLE_PLAIN] = "\033[0m",  [STYLE_BOLD] = "\033[1m",  [STYLE_DIM] = "\033[2m",     [STYLE_ITALIC] = "\033[3m",
        [STYLE_GREEN] = "\033[32m", [STYLE_CYAN] = "\033[36m", [STYLE_YELLOW] = "\033[33m",
    };
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool plain = !output_is_terminal() || (no_color && *no_color) || !term || strcmp(term, "dumb") == 0;
    return plain ? "" : sequences[style];
}

/* Where the character that holds byte `at` ends. */
static size_t character_end(struct str text, size_t at)
{
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/* Writes the line to standard error. Of a long one the middle is left out: it begins with the object and ends with what
 * is wrong with it. */
static void put_message(struct str text)
{
    char line[MAX_MESSAGE];
    size_t room = sizeof line - sizeof "hob: ...\n", head = text.len, tail = text.len;
    if (text.len > room) {
        head = HEAD_BYTES - utf8_incomplete_tail((struct str){text.ptr, HEAD_BYTES});
        tail = character_end(text, text.len - (room - head));
    }
    size_t len = (size_t)snprintf(line, sizeof line, "hob: %.*s%s%.*s\n", (int)head, text.ptr,
                                  head < text.len ? "..." : "", (int)(text.len - tail), text.ptr + tail);
    for (size_t at = 0; at < len;) {
        ssize_t n = write(STDERR_FILENO, line + at, len - at);
        if (n < 0 && errno != EINTR)
            return;
        at += n > 0 ? (size_t)n : 0;
    }
}

void message(const char *format, ...)
{
    struct hob_error line;
    char text[sizeof line.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(&line, HOB_OK, "%s", text);
    put_message(str_of(line.text));
}

void message_error(const struct hob_error *err)
{
    if (err->text[0])
        message("%s", err->text);
}

bool text_inert(struct str text, struct buf *out)
{
    for (size_t at = 0; at < text.len;) {
        unsigned size;
        int32_t code = utf8_decode(text, at, &size);
        bool is_control = code < 0x20 ? code != '\n' && code != '\t' : code >= 0x7f && code < 0xa0;
        for (unsigned i = 0; is_control && i < size; i++)
            buf_format(out, "\\x%02x", (unsigned char)text.ptr[at + i]);
        if (!is_control)
            buf_add(out, text.ptr + at, size);
        at += size;
    }
    return !out->failed;
}
