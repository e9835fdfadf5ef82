/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper opens what was named and nothing else, whatever the engine asks. The engine here has no walls, so that a
 * refusal is the keeper's.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/sha256.h"
#include "store/blob.h"
#include "store/digest.h"
#include "store/library.h"
#include "store/remote.h"
#include "wall/channel.h"
#include "wall/keeper.h"

static char folder[] = "/tmp/hob-keeper-XXXXXX";

/* A path in the test's folder; of the last eight that were asked for. */
static const char *in_folder(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    assert_true(file_save(in_folder(name), (struct str){text, strlen(text)}, NULL));
}

/* The status of reading a file through the keeper. */
static enum hob_status reading(const char *path)
{
    struct hob_error err = {0};
    struct file file;
    if (file_open(&file, path, &err))
        file_close(&file);
    return err.status;
}

static enum hob_status writing(const char *path, const char *text)
{
    struct hob_error err = {0};
    file_save(path, str_of(text), &err);
    return err.status;
}

static void grants_are_what_opens(void)
{
    assert_int_equal(reading(in_folder("named")), HOB_OK);
    assert_int_equal(reading(in_folder("other")), HOB_REFUSED);
    assert_int_equal(reading(in_folder("absent")), HOB_REFUSED); /* nobody learns that it is not there */
    assert_int_equal(reading(in_folder("m-00001-of-00003.gguf")), HOB_REFUSED);
    assert_int_equal(reading(in_folder("shelf/absent")), HOB_NOT_FOUND);
    assert_int_equal(file_kind(in_folder("named")), FILE_REGULAR);
    assert_int_equal(file_kind(in_folder("shelf")), FILE_FOLDER);
    assert_int_equal(file_kind(in_folder("other")), FILE_NOTHING);
    assert_int_equal(file_kind("/etc/passwd"), FILE_NOTHING);
    assert_int_equal(reading("/etc/passwd"), HOB_REFUSED);
    assert_int_equal(reading(in_folder("shelf/book")), HOB_OK);
    assert_int_equal(reading(in_folder("shelf//book")), HOB_OK);
    assert_int_equal(reading(in_folder("shelf/../other")), HOB_REFUSED);
    assert_int_equal(reading(in_folder("shelf/deep/book")), HOB_REFUSED);
    assert_int_equal(reading(in_folder("shelf/..")), HOB_REFUSED);
    assert_int_equal(reading(in_folder("shelfbook")), HOB_REFUSED);
    assert_int_equal(reading(in_folder("m-00002-of-00002.gguf")), HOB_OK);
    assert_int_equal(reading(in_folder("n-00002-of-00002.gguf")), HOB_REFUSED);
    assert_int_equal(writing(in_folder("out"), "text"), HOB_OK);
    assert_int_equal(writing(in_folder("named"), "text"), HOB_REFUSED);
    assert_int_equal(writing(in_folder("new"), "text"), HOB_REFUSED);
    assert_int_equal(writing(in_folder("new.json"), "text"), HOB_REFUSED); /* this is no chat */
    assert_int_equal(file_descriptor(in_folder("named"), FILE_APPEND, NULL), -1);
    assert_int_equal(file_descriptor(in_folder("home/history"), FILE_HISTORY, NULL), -1);
    assert_int_equal(file_descriptor("/etc/passwd", FILE_STREAM, NULL), -1);
}

static void no_more_is_granted(void)
{
    struct hob_error err = {0};
    assert_false(keeper_grant("/etc/passwd", false, &err));
    assert_int_equal(err.status, HOB_REFUSED);
    assert_false(keeper_grant_chat(&err));
    assert_false(keeper_grant_socket(in_folder("other"), &err));
    assert_int_equal(reading("/etc/passwd"), HOB_REFUSED);
}

/* The library names only what may be read anyway. */
static void library_is_no_way_out(void)
{
    struct hob_error err = {0};
    const char *const paths[] = {"/etc/passwd", in_folder("other")};
    for (size_t i = 0; i < 2; i++) {
        json_t *done = store_ask(
            "add", json_pack("{s:s, s:s, s:[s]}", "name", "evil", "path", in_folder("named"), "files", paths[i]), &err);
        assert_null(done);
        assert_int_equal(err.status, HOB_REFUSED);
        done = store_ask(
            "add", json_pack("{s:s, s:s, s:[s]}", "name", "evil", "path", paths[i], "files", in_folder("named")), &err);
        assert_null(done);
        assert_null(store_ask(
            "note", json_pack("{s:s, s:s, s:s}", "stamp", "model x", "path", paths[i], "sha256", "00"), &err));
        assert_int_equal(reading(paths[i]), HOB_REFUSED);
    }
    assert_null(store_ask("nothing", json_object(), &err));
    assert_null(store_ask("open", json_pack("{s:i, s:i}", "path", 1, "use", 1), &err));
    assert_null(store_ask("open", json_pack("{s:s, s:i}", "path", in_folder("named"), "use", 77), &err));
    assert_null(store_ask("finish", json_pack("{s:i, s:b}", "handle", 1 << 30, "keep", 1), &err));
    json_t *list = store_ask("list", json_object(), &err);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    char stamp[128], hex[65];
    assert_true(digest_stamp(in_folder("named"), stamp));
    digest_note(stamp, in_folder("named"), "0000000000000000000000000000000000000000000000000000000000000000");
    assert_true(digest_recall(stamp, hex));
    assert_int_equal(strspn(hex, "0"), 64);
    assert_int_equal(access(in_folder("home/library.db"), F_OK), 0);
    assert_int_equal(reading(in_folder("home/library.db")), HOB_REFUSED);
}

static void blobs_are_what_they_say(void)
{
    struct hob_error err = {0};
    struct file_writer writer;
    struct buf path = {0};
    char digest[80] = "sha256:", hex[65];
    struct sha256 *sha = sha256_new();
    sha256_add(sha, "bytes", 5);
    sha256_hex(sha, hex);
    sha256_free(sha);
    strcat(digest, hex);
    assert_true(blob_path(digest, &path, &err));
    for (int good = 0; good < 2; good++) {
        assert_true(blob_open(&writer, buf_text(&path), &err));
        assert_true(file_writer_add(&writer, good ? STR("bytes") : STR("other"), &err));
        assert_int_equal(access(path.ptr, F_OK), -1);
        assert_int_equal(blob_end(&writer, &err), good);
        assert_int_equal(access(path.ptr, F_OK), good ? 0 : -1);
    }
    assert_int_equal(reading(path.ptr), HOB_OK);
    buf_clear(&path);
}

/* Descriptors that nobody asked for do not pile up in the keeper, nor do those it answers with. */
static void descriptors_are_closed(void **state)
{
    (void)state;
    int pair[2], came, fds[2] = {0, 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof fds)];
    } control = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    static const char message[] = "{}";
    uint32_t size = sizeof message - 1;
    struct iovec parts[2] = {{&size, sizeof size}, {(char *)message, size}};
    for (int first_free = -1, round = 0; round < 3; round++) {
        struct msghdr head = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control.bytes};
        head.msg_controllen = sizeof control.bytes;
        *CMSG_FIRSTHDR(&head) = (struct cmsghdr){CMSG_LEN(sizeof fds), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&head)), fds, sizeof fds);
        assert_int_equal(sendmsg(pair[0], &head, 0), sizeof size + size);
        json_t *got = channel_receive(pair[1], &came);
        assert_non_null(got);
        assert_int_equal(came, -1);
        json_decref(got);
        int next = dup(0);
        close(next);
        assert_true(first_free < 0 || next == first_free);
        first_free = next;
    }
    close(pair[0]);
    close(pair[1]);
}

/* The engine's part, in a process of its own; its exit status is 0 when all holds. */
static void be_engine(void **state)
{
    (void)state;
    struct hob_error err = {0};
    char *no_words[] = {NULL};
    assert_true(keeper_start(0, no_words, &err));
    assert_true(keeper_grant(in_folder("named"), false, &err) && keeper_grant(in_folder("shelf"), false, &err) &&
                keeper_grant(in_folder("m-00001-of-00002.gguf"), false, &err) &&
                keeper_grant(in_folder("out"), true, &err) && keeper_grant(in_folder("half"), true, &err) &&
                keeper_use(false, &err));
    grants_are_what_opens();
    no_more_is_granted();
    library_is_no_way_out();
    blobs_are_what_they_say();
    struct file_writer half;
    assert_true(file_writer_open(&half, in_folder("half"), &err) && file_writer_add(&half, STR("x"), &err));
    keeper_stop(); /* with a file half written, which goes */
    assert_int_equal(access(in_folder("half"), F_OK), -1);
    assert_int_equal(reading(in_folder("named")), HOB_DISK);
    file_writer_drop(&half);
}

/* Leaves nothing of a file that was being written when the engine was killed. */
static void nothing_is_left(void **state)
{
    (void)state;
    int status;
    char pattern[256];
    pid_t pid = fork();
    if (pid == 0) {
        struct file_writer half;
        char *no_words[] = {NULL};
        if (keeper_start(0, no_words, NULL) && keeper_grant(in_folder("half"), true, NULL) && keeper_use(false, NULL) &&
            file_writer_open(&half, in_folder("half"), NULL))
            raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    snprintf(pattern, sizeof pattern,
             "for i in $(seq 600); do ls %s | grep -q 'half' || exit 0; sleep 0.1; done; exit 1", folder);
    assert_int_equal(system(pattern), 0);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    setenv("HOB_HOME", in_folder("home"), 1);
    setenv("XDG_CACHE_HOME", in_folder("cache"), 1);
    mkdir(in_folder("home"), 0700);
    mkdir(in_folder("shelf"), 0700);
    mkdir(in_folder("shelf/deep"), 0700);
    static const char *const files[] = {"named",
                                        "other",
                                        "shelf/book",
                                        "shelf/deep/book",
                                        "shelfbook",
                                        "m-00001-of-00002.gguf",
                                        "m-00002-of-00002.gguf",
                                        "n-00002-of-00002.gguf"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        put(files[i], "text");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_closed),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(be_engine),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) || failed;
}
