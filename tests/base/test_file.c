/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: what may be opened, files that are cut, full disks, whole-or-nothing output, and SHA-256.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"

static char folder[] = "/tmp/hob-test-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

/* Asserts that opening fails with a status and a part of the text. */
static void check_refused(const char *path, enum hob_status status, const char *part)
{
    struct file file;
    struct hob_error err = {0};
    assert_false(file_open(&file, path, &err));
    assert_int_equal(file.fd, -1);
    assert_int_equal(err.status, status);
    if (strncmp(err.text, path, strlen(path)) != 0 || !strstr(err.text, part))
        fail_msg("'%s' should name '%s' and say '%s'", err.text, path, part);
    file_close(&file);
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    check_refused("missing", HOB_NOT_FOUND, "No such file");
    check_refused("missing/below", HOB_NOT_FOUND, "No such file");
    check_refused(".", HOB_FORMAT, "is a folder");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    check_refused("fifo", HOB_FORMAT, "is not a regular file");
    check_refused("/dev/null", HOB_FORMAT, "is not a regular file");
    put("locked", "x");
    assert_int_equal(chmod("locked", 0), 0);
    if (geteuid() != 0)
        check_refused("locked", HOB_DISK, "Permission denied");
}

static void a_file_is_read_at_offsets(void **state)
{
    (void)state;
    put("ten", "0123456789");
    struct file file;
    struct hob_error err = {0};
    assert_true(file_open(&file, "ten", &err));
    assert_int_equal(file.size, 10);
    assert_true(fcntl(file.fd, F_GETFD) & FD_CLOEXEC);
    char out[16] = {0};
    assert_true(file_read_at(&file, 3, out, 4, &err));
    assert_string_equal(out, "3456");
    assert_true(file_read_at(&file, 10, out, 0, &err));
    assert_false(file_read_at(&file, 8, out, 4, &err));
    assert_int_equal(err.status, HOB_INTEGRITY);
    assert_non_null(strstr(err.text, "was cut"));
    assert_false(file_read_at(&file, UINT64_MAX - 1, out, 4, &err));
    assert_false(file_read_at(&file, INT64_MAX, out, 4, &err));
    assert_int_equal(err.status, HOB_FORMAT);
    assert_int_equal(truncate("ten", 2), 0);
    assert_false(file_read_at(&file, 0, out, 10, &err));
    assert_int_equal(err.status, HOB_INTEGRITY);
    char hex[65];
    assert_false(sha256_file(&file, hex, NULL, NULL, &err));
    assert_int_equal(err.status, HOB_INTEGRITY);
    file_close(&file);
    file_close(&file);
}

static void a_whole_file_is_loaded(void **state)
{
    (void)state;
    struct buf text = {0};
    struct hob_error err = {0};
    put("five", "12345");
    assert_true(file_load("five", 5, &text, &err));
    assert_true(str_eq(buf_view(&text), STR("12345")));
    assert_false(file_load("five", 4, &text, &err));
    assert_int_equal(err.status, HOB_LIMIT);
    assert_false(file_load("missing", 4, &text, &err));
    assert_int_equal(err.status, HOB_NOT_FOUND);
    /* Files of /proc say they are empty and are not. */
    assert_true(file_load("/proc/self/status", 1 << 20, &text, &err));
    assert_true(text.len > 100);
    buf_clear(&text);
}

static void standard_input_is_loaded(void **state)
{
    (void)state;
    int saved = dup(STDIN_FILENO), ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    struct buf text = {0};
    struct hob_error err = {0};
    assert_true(file_load("-", 5, &text, &err));
    assert_true(str_eq(buf_view(&text), STR("piped")));
    buf_clear(&text);
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(ends[0]);
}

static unsigned count_entries(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static void output_appears_whole(void **state)
{
    (void)state;
    struct hob_error err = {0};
    struct buf text = {0};
    assert_true(file_make_folder("out/a/b", &err));
    assert_true(file_make_folder("out/a/b/", &err));
    assert_true(file_is_folder("out/a/b"));
    assert_true(file_save("out/a/b/new", STR("one"), &err));
    assert_true(file_save("out/a/b/new", STR("two\0!"), &err));
    assert_true(file_load("out/a/b/new", 100, &text, &err));
    assert_true(str_eq(buf_view(&text), STR("two\0!")));
    assert_int_equal(count_entries("out/a/b"), 1);

    assert_int_equal(chmod("out/a/b/new", 0640), 0);
    assert_int_equal(symlink("b/new", "out/a/link"), 0);
    assert_true(file_save("out/a/link", STR("three"), &err));
    struct stat st;
    assert_int_equal(lstat("out/a/link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat("out/a/b/new", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_size, 5);

    assert_false(file_save("out/a", STR("x"), &err));
    assert_non_null(strstr(err.text, "is a folder"));
    assert_false(file_save("nowhere/x", STR("x"), &err));
    assert_int_equal(err.status, HOB_NOT_FOUND);
    assert_false(file_make_folder("out/a/b/new/c", &err));
    buf_clear(&text);
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    struct hob_error err = {0};
    assert_false(file_save("/dev/full", STR("x"), &err));
    assert_int_equal(err.status, HOB_DISK);
    assert_non_null(strstr(err.text, "No space left"));
    assert_true(file_save("/dev/null", STR("x"), &err));
    int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY);
    fflush(stdout);
    dup2(full, STDOUT_FILENO);
    bool saved_well = file_save("-", STR("x"), &err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(full);
    assert_false(saved_well);
    assert_non_null(strstr(err.text, "standard output"));
}

/* Ends what has come past `ctx` bytes. */
static bool goes_on(void *ctx, size_t done, size_t total)
{
    assert_int_equal(total, 1000000);
    return done < *(size_t *)ctx;
}

static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    struct sha256 *sha = sha256_new();
    assert_non_null(sha);
    char hex[65];
    sha256_hex(sha, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_add(sha, "a", 1);
    sha256_add(sha, "bc", 2);
    sha256_hex(sha, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (int i = 0; i < 1000000; i++)
        sha256_add(sha, "a", 1);
    sha256_hex(sha, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sha256_free(sha);
    sha256_free(NULL);
}

static void a_file_is_hashed_and_cancelled(void **state)
{
    (void)state;
    char *text = malloc(1000001);
    memset(text, 'a', 1000000);
    text[1000000] = '\0';
    put("million", text);
    free(text);
    struct file file;
    struct hob_error err = {0};
    char hex[65];
    assert_true(file_open(&file, "million", &err));
    size_t most = 600000;
    assert_false(sha256_file(&file, hex, goes_on, &most, &err));
    assert_int_equal(err.status, HOB_INTERRUPTED);
    most = SIZE_MAX;
    assert_true(sha256_file(&file, hex, goes_on, &most, &err));
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(a_file_is_read_at_offsets),
        cmocka_unit_test(a_whole_file_is_loaded),
        cmocka_unit_test(standard_input_is_loaded),
        cmocka_unit_test(output_appears_whole),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(a_file_is_hashed_and_cancelled),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
