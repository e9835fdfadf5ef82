/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding allocates nothing: calls of malloc and its kin are counted by standing in for them, and mmap, mremap and brk
 * by a seccomp filter that makes each of them a signal. It stands here and not beside the engine because the
 * sanitizers, under which those tests run, bring a malloc of their own.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "families/families.h"

enum { N_SEQUENCES = 3, N_TOKENS = 230 /* past three pages */, SKIPPED = 77 };

static atomic_bool counting;
static atomic_int n_mallocs, n_calls;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t align, size_t size);

static void note(void)
{
    if (atomic_load_explicit(&counting, memory_order_relaxed))
        atomic_fetch_add(&n_mallocs, 1);
}

void *malloc(size_t size)
{
    note();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    note();
    return __libc_calloc(n, size);
}

void *realloc(void *ptr, size_t size)
{
    note();
    return __libc_realloc(ptr, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    note();
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    note();
    *out = __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}

/* A system call that the filter caught: it fails as if there were no memory. */
static void on_call(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    atomic_fetch_add(&n_calls, 1);
#ifdef __x86_64__
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -ENOMEM;
#elif defined(__aarch64__)
    ((ucontext_t *)context)->uc_mcontext.regs[0] = (unsigned long long)-ENOMEM;
#endif
}

/* From now on mmap, mremap and brk of any thread are signals. False where the system does not allow filters. */
static bool trap_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

static struct sequence *submit(struct engine *engine, unsigned i)
{
    struct hob_error err = {0};
    struct sampler_options sampling;
    const int32_t prompt[] = {(int32_t)i, 17, 42, 7, 99};
    const int32_t newline[] = {10, -1};
    const int32_t *const breakers[] = {newline};
    sampler_defaults(&sampling);
    sampling.seed = i;
    sampling.repeat_penalty = 1.1F;
    sampling.presence_penalty = 0.1F;
    sampling.dry_multiplier = 0.8F;
    sampling.dry_breakers = breakers;
    sampling.n_dry_breakers = 1;
    sampling.typical = 0.95F;
    sampling.min_p = 0.01F;
    sampling.xtc_probability = 0.5F;
    sampling.dynatemp_range = 0.2F;
    sampling.mirostat = i == 1 ? 2 : 0;
    sampling.logprobs = 5;
    struct sequence_request request = {
        .tokens = prompt,
        .n_tokens = sizeof prompt / sizeof *prompt,
        .max_tokens = N_TOKENS,
        .ignore_eos = true,
        .hash_logits = true,
        .sampling = &sampling,
    };
    struct sequence *sequence = engine_submit(engine, &request, &err);
    if (!sequence)
        fail_msg("%s", err.text);
    return sequence;
}

/* Steps until every sequence has `n` tokens. */
static void decode_until(struct engine *engine, struct sequence *const *sequences, size_t n)
{
    size_t n_prompt, n_generated, least;
    do {
        const struct engine_event *events;
        size_t n_events;
        engine_step(engine, &events, &n_events);
        least = SIZE_MAX;
        for (unsigned i = 0; i < N_SEQUENCES; i++) {
            sequence_tokens(sequences[i], &n_prompt, &n_generated);
            least = n_generated < least ? n_generated : least;
        }
    } while (least < n);
}

static void run_engine(const char *path, bool precise, enum cache_type kv)
{
    struct hob_error err = {0};
    size_t n;
    const struct family *const *families = families_all(&n);
    struct engine_options options = {
        .threads = 3,
        .parallel = N_SEQUENCES,
        .ctx = 256,
        .isa = ISA_AUTO,
        .precise = precise,
        .has_kv = true,
        .kv = kv,
    };
    struct sequence *sequences[N_SEQUENCES];
    struct model *model = model_open(path, &err);
    struct engine *engine =
        model && model_bind(model, families, n, &err) ? engine_new(model, &options, NULL, NULL, &err) : NULL;
    if (!engine)
        fail_msg("%s", err.text);
    for (unsigned i = 0; i < N_SEQUENCES; i++)
        sequences[i] = submit(engine, i);
    decode_until(engine, sequences, 1);
    atomic_store(&counting, true);
    decode_until(engine, sequences, N_TOKENS - 1);
    atomic_store(&counting, false);
    for (unsigned i = 0; i < N_SEQUENCES; i++)
        sequence_free(sequences[i]);
    engine_free(engine);
    model_close(model);
}

static void malloc_is_not_called(void **state)
{
    (void)state;
    free(malloc(1));
    atomic_store(&counting, true);
    void *volatile ptr = malloc(1);
    atomic_store(&counting, false);
    free(ptr);
    assert_int_equal(atomic_exchange(&n_mallocs, 0), 1); /* the count works */
    run_engine("tests/models/tiny-gemma3-base.gguf", false, CACHE_F16);
    assert_int_equal(atomic_load(&n_mallocs), 0);
    run_engine("tests/models/tiny-gemma3-base", true, CACHE_Q8_0);
    assert_int_equal(atomic_load(&n_mallocs), 0);
    run_engine("tests/models/tiny-qwen2-odd.gguf", false, CACHE_F32);
    assert_int_equal(atomic_load(&n_mallocs), 0);
}

/* The child's part of the next test: its exit status tells how many calls there were. */
static int count_calls(void)
{
    struct hob_error err = {0};
    size_t n;
    const struct family *const *families = families_all(&n);
    struct engine_options options = {.threads = 3, .parallel = N_SEQUENCES, .ctx = 256, .isa = ISA_AUTO};
    struct sequence *sequences[N_SEQUENCES];
    struct model *model = model_open("tests/models/tiny-llama-rope3.gguf", &err);
    struct engine *engine =
        model && model_bind(model, families, n, &err) ? engine_new(model, &options, NULL, NULL, &err) : NULL;
    if (!engine)
        return 100;
    for (unsigned i = 0; i < N_SEQUENCES; i++)
        sequences[i] = submit(engine, i);
    decode_until(engine, sequences, 1);
    if (!trap_calls())
        return SKIPPED;
    int before = atomic_load(&n_calls);
    syscall(SYS_brk, 0);
    if (atomic_load(&n_calls) != before + 1) /* the count works */
        return 101;
    decode_until(engine, sequences, N_TOKENS - 1);
    return atomic_load(&n_calls) - before - 1;
}

static void the_system_is_not_asked_for_memory(void **state)
{
    (void)state;
    int status;
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(count_calls());
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malloc_is_not_called),
        cmocka_unit_test(the_system_is_not_asked_for_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
