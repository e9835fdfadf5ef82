/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/library_view.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/model.h"
#include "store/digest.h"

#define AT_ONCE_BYTES ((uint64_t)256 << 20)

const char *view_size(uint64_t bytes, char out[16])
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double size = (double)bytes;
    unsigned unit = 0;
    while (size >= 1000 && unit < 4) {
        size /= 1000;
        unit++;
    }
    snprintf(out, 16, size < 10 && unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return out;
}

const char *view_age(int64_t then_s, int64_t now_s, char out[48])
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{31536000, "year"}, {2592000, "month"}, {604800, "week"}, {86400, "day"},
                 {3600, "hour"},     {60, "minute"},     {1, "second"}};
    int64_t away = then_s < now_s ? now_s - then_s : then_s - now_s;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t n = away / units[i].seconds;
        if (n == 0)
            continue;
        snprintf(out, 48, "%lld %s%s %s", (long long)n, units[i].name, n > 1 ? "s" : "",
                 then_s <= now_s ? "ago" : "from now");
        return out;
    }
    snprintf(out, 48, "now");
    return out;
}

/* Computes and so remembers. */
static void compute(const char *path)
{
    char hex[65];
    size_t n;
    struct model *model = model_open(path, NULL);
    const struct file *const *files = model ? model_files(model, &n) : NULL;
    if (files)
        digest_model(path, files, n, hex, NULL, NULL, NULL);
    model_close(model);
}

void digest_in_background(const char *path)
{
    size_t n;
    uint64_t bytes = 0;
    struct model *model = model_open(path, NULL);
    const struct file *const *files = model ? model_files(model, &n) : NULL;
    for (size_t i = 0; files && i < n; i++)
        bytes += files[i]->size;
    model_close(model);
    if (bytes <= AT_ONCE_BYTES) {
        compute(path);
        return;
    }
    pid_t child = fork();
    if (child > 0)
        waitpid(child, NULL, 0);
    if (child != 0)
        return;
    setsid();
    if (fork() != 0)
        _exit(0); /* the grandchild belongs to nobody, and nobody waits for it */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        dup2(null, fd);
    if (nice(10) != -1)
        compute(path);
    _exit(0);
}
