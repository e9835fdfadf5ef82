/* SPDX-License-Identifier: Apache-2.0
 *
 * The output of hob batch.
 */
#include "cli/batch_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/input.h"
#include "cli/output.h"

static const double SYNC_MS = 1000;

enum { MAX_LINE_BYTES = 1 << 30 };

/* Notes the error that a line tells, if it is the first. */
static void note_error(const json_t *line, struct hob_error *first)
{
    const json_t *error = json_object_get(line, "error");
    if (error && first->status == HOB_OK) {
        long long status = json_integer_value(json_object_get(error, "status"));
        struct str text = json_span(json_object_get(error, "message"));
        error_set(first, status > 0 && status < 256 ? (enum hob_status)status : HOB_USAGE, "line %lld: %.*s",
                  (long long)json_integer_value(json_object_get(error, "line")),
                  (int)(text.len < sizeof first->text ? text.len : sizeof first->text), text.ptr);
    }
}

/* Takes one line that was there already. */
static bool take_line(struct batch_output *output, struct str line, struct hob_error *first, struct hob_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "line %zu", output->n_done + 1);
    json_t *json = json_read(line, name, err);
    if (!json)
        return error_prefix(err, "%s: is not the output of hob batch", output->path);
    json_t **bigger = realloc(output->ids, (output->n_done + 1) * sizeof *bigger);
    if (bigger) {
        output->ids = bigger;
        output->ids[output->n_done++] = json_incref(json_object_get(json, "id"));
        note_error(json, first);
    }
    json_decref(json);
    return bigger || error_memory(err, output->n_done * sizeof *bigger);
}

/* Reads the lines of the file and cuts what comes after the last newline. */
static bool take_lines(struct batch_output *output, off_t size, struct hob_error *first, struct hob_error *err)
{
    int copy = fcntl(output->fd, F_DUPFD_CLOEXEC, 3);
    FILE *file = copy < 0 ? NULL : fdopen(copy, "r");
    struct buf line = {0};
    off_t whole = 0;
    bool end = false, good = true;
    if (!file) {
        if (copy >= 0)
            close(copy);
        return error_system(err, output->path, "cannot be read");
    }
    while (good && (good = input_line(file, output->path, MAX_LINE_BYTES, &line, &end, err)) && !end) {
        if (whole + (off_t)line.len + 1 > size) /* no newline: torn */
            break;
        whole += (off_t)line.len + 1;
        good = take_line(output, buf_view(&line), first, err);
    }
    if (good && ftruncate(output->fd, whole) != 0)
        good = error_system(err, output->path, "cannot be cut");
    buf_clear(&line);
    fclose(file);
    return good;
}

bool batch_output_open(struct batch_output *output, const char *path, FILE *input, struct hob_error *first,
                       struct hob_error *err)
{
    struct stat st, in;
    *output = (struct batch_output){.path = path, .fd = -1, .synced_ms = clock_ms()};
    if (strcmp(path, "-") == 0)
        return true;
    struct hob_error busy = {0};
    output->fd = file_descriptor(path, FILE_APPEND, &busy);
    if (output->fd < 0 && busy.status == HOB_USAGE) {
        *err = busy;
        return false;
    }
    if (output->fd < 0) /* a pipe or a device may be for writing only */
        output->fd = file_descriptor(path, FILE_THROUGH, err);
    if (output->fd < 0)
        return false;
    if (file_stat(output->fd, &st) != 0 || file_stat(fileno(input), &in) != 0)
        return error_system(err, path, "cannot be opened");
    output->is_file = S_ISREG(st.st_mode);
    if (output->is_file && st.st_dev == in.st_dev && st.st_ino == in.st_ino)
        return error_set(err, HOB_USAGE, "%s: is the input as well; want another file", path);
    return !output->is_file || take_lines(output, st.st_size, first, err);
}

bool batch_output_line(struct batch_output *output, struct str line, struct hob_error *err)
{
    if (output->fd < 0) {
        output_write(line);
        output_flush();
        return !output_failed() || output_end(err);
    }
    while (line.len) {
        ssize_t put = write(output->fd, line.ptr, line.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_system(err, output->path, "cannot be written");
        line.ptr += put;
        line.len -= (size_t)put;
    }
    if (!output->is_file || clock_ms() - output->synced_ms < SYNC_MS)
        return true;
    output->synced_ms = clock_ms();
    return fsync(output->fd) == 0 || error_system(err, output->path, "cannot be synced");
}

bool batch_output_end(struct batch_output *output, struct hob_error *err)
{
    bool good = !output->is_file || fsync(output->fd) == 0 || error_system(err, output->path, "cannot be synced");
    int fd = output->fd;
    output->fd = -1;
    if (fd >= 0 && close(fd) != 0 && good)
        good = error_system(err, output->path, "cannot be written");
    batch_output_drop(output);
    return good;
}

void batch_output_drop(struct batch_output *output)
{
    if (output->path && output->fd >= 0)
        close(output->fd);
    for (size_t i = 0; i < output->n_done; i++)
        json_decref(output->ids[i]);
    free(output->ids);
    *output = (struct batch_output){.fd = -1};
}
