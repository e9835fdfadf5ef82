/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of the sampler: their defaults, their ranges, the names of an order.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "engine/sampler.h"
#include "engine/sampler_options.h"

static const char *const step_names[SAMPLE_STEPS] = {
    [SAMPLE_PENALTIES] = "penalties", [SAMPLE_DRY] = "dry",         [SAMPLE_TOP_N_SIGMA] = "top-n-sigma",
    [SAMPLE_TOP_K] = "top-k",         [SAMPLE_TYPICAL] = "typical", [SAMPLE_TOP_P] = "top-p",
    [SAMPLE_MIN_P] = "min-p",         [SAMPLE_XTC] = "xtc",         [SAMPLE_TEMPERATURE] = "temperature",
};

void sampler_defaults(struct sampler_options *options)
{
    *options = (struct sampler_options){
        .temp = 0.8f,
        .top_k = 40,
        .top_p = 0.9f,
        .typical = 1,
        .top_n_sigma = -1,
        .repeat_penalty = 1,
        .repeat_last_n = 64,
        .dry_base = 1.75f,
        .dry_allowed_length = 2,
        .dry_last_n = -1,
        .xtc_threshold = 0.1f,
        .dynatemp_exponent = 1,
        .mirostat_tau = 5,
        .mirostat_eta = 0.1f,
        .n_order = SAMPLE_STEPS,
        .logprobs = -1,
    };
    for (int step = 0; step < SAMPLE_STEPS; step++)
        options->order[step] = (enum sampler_step)step;
}

/* The step of a name, in which _ may stand for -, or SAMPLE_STEPS. */
static enum sampler_step find_step(struct str name)
{
    for (int step = 0; step < SAMPLE_STEPS; step++) {
        size_t i = 0;
        while (i < name.len && (name.ptr[i] == '_' ? '-' : name.ptr[i]) == step_names[step][i])
            i++;
        if (i == name.len && step_names[step][i] == '\0')
            return (enum sampler_step)step;
    }
    return SAMPLE_STEPS;
}

bool sampler_parse_order(const char *text, struct sampler_options *options, struct hob_error *err)
{
    enum sampler_step order[SAMPLE_STEPS];
    size_t n = 0;
    bool seen[SAMPLE_STEPS] = {false};
    for (const char *at = text; *text; at++) {
        if (*at && *at != ';')
            continue;
        struct str name = {text, (size_t)(at - text)};
        enum sampler_step step = find_step(name);
        if (step == SAMPLE_STEPS)
            return error_set(err, HOB_USAGE,
                             "samplers: \"%.*s\", want names of penalties;dry;top-n-sigma;top-k;typical;top-p;min-p;"
                             "xtc;temperature",
                             name.len < 64 ? (int)name.len : 64, name.ptr);
        if (seen[step])
            return error_set(err, HOB_USAGE, "samplers: %s stands twice, want it once", step_names[step]);
        seen[step] = true;
        order[n++] = step;
        if (!*at)
            break;
        text = at + 1;
        if (!*text)
            return error_set(err, HOB_USAGE, "samplers: nothing after the last \";\", want a name");
    }
    memcpy(options->order, order, n * sizeof *order);
    options->n_order = n;
    return true;
}

/* One number and where it may lie. */
struct range {
    const char *name;
    double value, low, high;
    bool open; /* low itself is out */
};

static bool check_ranges(const struct sampler_options *o, struct hob_error *err)
{
    const double most = INT32_MAX;
    const struct range ranges[] = {
        {"temp", o->temp, 0, 100, false},
        {"top-k", o->top_k, -1, most, false},
        {"top-p", o->top_p, 0, 1, true},
        {"min-p", o->min_p, 0, 1, false},
        {"typical", o->typical, 0, 1, true},
        {"top-n-sigma", o->top_n_sigma, -1, 100, false},
        {"repeat-penalty", o->repeat_penalty, 0, 100, true},
        {"repeat-last-n", o->repeat_last_n, -1, most, false},
        {"presence-penalty", o->presence_penalty, -100, 100, false},
        {"frequency-penalty", o->frequency_penalty, -100, 100, false},
        {"dry-multiplier", o->dry_multiplier, 0, 100, false},
        {"dry-base", o->dry_base, 1, 100, false},
        {"dry-allowed-length", o->dry_allowed_length, 1, most, false},
        {"dry-last-n", o->dry_last_n, -1, most, false},
        {"xtc-probability", o->xtc_probability, 0, 1, false},
        {"xtc-threshold", o->xtc_threshold, 0, 1, false},
        {"dynatemp-range", o->dynatemp_range, 0, 100, false},
        {"dynatemp-exponent", o->dynatemp_exponent, 0, 100, false},
        {"mirostat-tau", o->mirostat_tau, 0, 100, false},
        {"mirostat-eta", o->mirostat_eta, 0, 1, false},
        {"min-keep", o->min_keep, 0, most, false},
        {"logprobs", o->logprobs, -1, SAMPLER_MAX_LOGPROBS, false},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const struct range *r = &ranges[i];
        bool inside = r->value >= r->low && r->value <= r->high && !(r->open && r->value == r->low);
        if (!inside)
            return error_set(err, HOB_USAGE, "%s: %.10g, want %c%.10g, %.10g]", r->name, r->value, r->open ? '(' : '[',
                             r->low, r->high);
    }
    return true;
}

bool sampler_check_options(const struct sampler_options *o, size_t n_vocab, struct hob_error *err)
{
    if (n_vocab == 0 || n_vocab > INT32_MAX)
        return error_set(err, HOB_USAGE, "sampler: a vocabulary of %zu tokens, want [1, 2147483647]", n_vocab);
    if (!check_ranges(o, err))
        return false;
    if (o->mirostat != 0 && o->mirostat != 2)
        return error_set(err, HOB_USAGE, "mirostat: %d, want 0 or 2", o->mirostat);
    bool seen[SAMPLE_STEPS] = {false};
    if (o->n_order > SAMPLE_STEPS)
        return error_set(err, HOB_USAGE, "samplers: %zu of them, want at most %d", o->n_order, SAMPLE_STEPS);
    for (size_t i = 0; i < o->n_order; i++) {
        if ((unsigned)o->order[i] >= SAMPLE_STEPS || seen[o->order[i]])
            return error_set(err, HOB_USAGE, "samplers: number %zu is unknown or stands twice", i + 1);
        seen[o->order[i]] = true;
    }
    for (size_t i = 0; i < o->n_logit_bias; i++) {
        const struct logit_bias *b = &o->logit_bias[i];
        if (b->id < 0 || (size_t)b->id >= n_vocab)
            return error_set(err, HOB_USAGE, "logit-bias: token %d, want [0, %zu)", b->id, n_vocab);
        if (b->bias != -INFINITY && !(fabsf(b->bias) <= SAMPLER_MAX_BIAS))
            return error_set(err, HOB_USAGE, "logit-bias: token %d: %g, want [-%g, %g] or -inf", b->id, (double)b->bias,
                             (double)SAMPLER_MAX_BIAS, (double)SAMPLER_MAX_BIAS);
    }
    return true;
}
