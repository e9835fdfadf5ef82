/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tables this build has and this processor can run.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cpu.h"
#include "base/error.h"
#include "kernels/kernels.h"
#include "kernels/tables.h"

static const char *const isa_names[ISA_COUNT] = {"ref", "avx2", "avx512", "neon"};

/* The tables in the order of kernels_table(): the plain reference, then what the processor can run. */
static struct kernels tables[2 + ISA_COUNT];
static size_t n_tables;
static const struct kernels *by_isa[ISA_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct kernels *append(const char *name)
{
    struct kernels *table = &tables[n_tables];
    if (n_tables > 0)
        *table = tables[n_tables - 1];
    table->name = name;
    n_tables++;
    return table;
}

static void build(void)
{
    struct kernels *plain = append("ref-plain");
    ref_init_plain(plain);
    by_isa[ISA_REF] = plain;
#ifdef __x86_64__
    if (cpu_features()->avx2) {
        struct kernels *ref = append("ref");
        ref_init_fma(ref);
        by_isa[ISA_REF] = ref;
        struct kernels *avx2 = append("avx2");
        avx2_init(avx2);
        by_isa[ISA_AVX2] = avx2;
    }
    if (cpu_features()->avx512_vnni) {
        struct kernels *avx512 = append("avx512");
        avx512_init(avx512);
        by_isa[ISA_AVX512] = avx512;
    }
#elif defined(__aarch64__)
    if (cpu_features()->dotprod) {
        struct kernels *neon = append("neon");
        neon_init(neon);
        by_isa[ISA_NEON] = neon;
        if (cpu_features()->i8mm) {
            neon = append("neon-i8mm");
            neon_linear_init_i8mm(neon);
            by_isa[ISA_NEON] = neon;
        }
    }
#endif
}

const struct kernels *kernels_table(size_t i)
{
    pthread_once(&once, build);
    return i < n_tables ? &tables[i] : NULL;
}

enum isa isa_find(const char *name)
{
    for (unsigned isa = 0; isa < ISA_COUNT; isa++)
        if (strcasecmp(isa_names[isa], name) == 0)
            return isa;
    return ISA_COUNT;
}

/* The best instruction set there is a table for, later ones being better. */
static enum isa best(void)
{
    for (unsigned isa = ISA_COUNT; isa > 0; isa--)
        if (by_isa[isa - 1])
            return isa - 1;
    return ISA_REF;
}

const struct kernels *kernels_select(enum isa isa, struct hob_error *err)
{
    pthread_once(&once, build);
    const char *wish = getenv("HOB_ISA");
    if (isa == ISA_AUTO && wish && *wish) {
        isa = isa_find(wish);
        if (isa == ISA_COUNT) {
            error_set(err, HOB_USAGE, "HOB_ISA: want ref, avx2, avx512 or neon, found %s", wish);
            return NULL;
        }
    }
    if (isa == ISA_AUTO)
        isa = best();
    if (isa < 0 || isa >= ISA_COUNT) {
        error_set(err, HOB_USAGE, "instruction set: want ref, avx2, avx512 or neon, found number %d", (int)isa);
        return NULL;
    }
    if (by_isa[isa])
        return by_isa[isa];
    const struct cpu *cpu = cpu_features();
    bool has[ISA_COUNT] = {true, cpu->avx2, cpu->avx512_vnni, cpu->dotprod};
    if (has[isa])
        error_set(err, HOB_USAGE, "instruction set %s: hob was built without it", isa_names[isa]);
    else
        error_set(err, HOB_USAGE, "instruction set %s: this processor does not have it", isa_names[isa]);
    return NULL;
}
