/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of options. Names, ranges and defaults are what users and scripts rely on; add rows, never change one.
 */
#include "chat/options.h"

#define BIG 9007199254740992.0 /* 2^53: exact in a double */

static const struct option table[] = {
    /* name, letter, kind, group, min, max, value, initial, help, names in other dialects */
    {"threads", 't', OPTION_INT, OPTION_MACHINE, 1, 256, "N", NULL, "worker threads (default: the physical cores)"},
    {"ctx", 'c', OPTION_INT, OPTION_MACHINE, 1, 1 << 30, "N", NULL,
     "context in tokens (default: the model's own, reduced to fit memory)", .ollama = "num_ctx"},
    {"batch", 0, OPTION_INT, OPTION_MACHINE, 1, 1024, "N", NULL, "rows of one step; never changes a result"},
    {"parallel", 0, OPTION_INT, OPTION_MACHINE, 1, 4096, "N", NULL, "sequences in flight; never changes a result"},
    {"memory", 0, OPTION_INT, OPTION_MACHINE, 1, 1 << 30, "MB", NULL,
     "memory that the model may take at most (default: what the machine has left)"},
    {"kv", 0, OPTION_TEXT, OPTION_MACHINE, 0, 0, "f16|q8_0|f32", NULL,
     "type of the KV cache (default: f16; f32 under --precise)"},
    {"isa", 0, OPTION_TEXT, OPTION_MACHINE, 0, 0, "ref|avx2|avx512|neon", NULL,
     "kernel set (default: the best the CPU has); never changes a result"},
    {"precise", 0, OPTION_FLAG, OPTION_MACHINE, 0, 0, NULL, NULL,
     "activations stay float32; without it quantized weights meet 8-bit activations"},
    {"template", 0, OPTION_TEXT, OPTION_MACHINE, 0, 0, "FILE", NULL,
     "a chat template that replaces the model's; or the name of one of the model's own"},

    {"seed", 's', OPTION_SEED, OPTION_SAMPLING, 0, 0, "N", NULL, "seed of sampling (default: drawn, and reported)",
     .ollama = "seed", .openai = "seed"},
    {"temp", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 100, "F", "0.8", "temperature; 0 is greedy, ties to the lower id",
     .ollama = "temperature", .openai = "temperature", .anthropic = "temperature"},
    {"top-k", 0, OPTION_INT, OPTION_SAMPLING, -1, 1 << 30, "N", "40", "keep the N likeliest; 0: all", .ollama = "top_k",
     .openai = "top_k", .anthropic = "top_k"},
    {"top-p", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1, "F", "0.9", "keep the likeliest that make up F; 1: all",
     .ollama = "top_p", .openai = "top_p", .anthropic = "top_p"},
    {"min-p", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1, "F", "0", "keep those at least F times as likely as the first",
     .ollama = "min_p", .openai = "min_p"},
    {"typical", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1, "F", "1", "locally typical sampling; 1: off",
     .ollama = "typical_p", .openai = "typical_p"},
    {"top-n-sigma", 0, OPTION_FLOAT, OPTION_SAMPLING, -1, 1000, "F", "-1",
     "keep logits within F standard deviations of the largest; below 0: off", .openai = "top_n_sigma"},
    {"repeat-penalty", 0, OPTION_FLOAT, OPTION_SAMPLING, 0.001, 1000, "F", "1",
     "divides repeated tokens' logits; 1: off", .ollama = "repeat_penalty",
     .openai = "repeat_penalty repetition_penalty"},
    {"repeat-last-n", 0, OPTION_INT, OPTION_SAMPLING, -1, 1 << 30, "N", "64",
     "tokens that repeat-penalty looks back on, prompt included; -1: all", .ollama = "repeat_last_n",
     .openai = "repeat_last_n"},
    {"presence-penalty", 0, OPTION_FLOAT, OPTION_SAMPLING, -100, 100, "F", "0", "once for each generated token seen",
     .ollama = "presence_penalty", .openai = "presence_penalty"},
    {"frequency-penalty", 0, OPTION_FLOAT, OPTION_SAMPLING, -100, 100, "F", "0", "for each time it was generated",
     .ollama = "frequency_penalty", .openai = "frequency_penalty"},
    {"dry-multiplier", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1000, "F", "0", "strength of DRY; 0: off",
     .openai = "dry_multiplier"},
    {"dry-base", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1000, "F", "1.75", "growth of DRY with the length repeated",
     .openai = "dry_base"},
    {"dry-allowed-length", 0, OPTION_INT, OPTION_SAMPLING, 0, 1 << 30, "N", "2", "repetition that DRY leaves alone",
     .openai = "dry_allowed_length"},
    {"dry-last-n", 0, OPTION_INT, OPTION_SAMPLING, -1, 1 << 30, "N", "-1", "tokens that DRY looks back on; -1: all",
     .openai = "dry_penalty_last_n"},
    {"dry-breaker", 0, OPTION_LIST, OPTION_SAMPLING, 0, 0, "TEXT", NULL,
     "text that ends a repetition; repeatable (default: newline, colon, quote, asterisk)",
     .openai = "dry_sequence_breakers"},
    {"xtc-probability", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1, "F", "0", "chance that XTC acts",
     .openai = "xtc_probability"},
    {"xtc-threshold", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1, "F", "0.1", "probability above which XTC removes",
     .openai = "xtc_threshold"},
    {"dynatemp-range", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 100, "F", "0", "half width of dynamic temperature; 0: off",
     .openai = "dynatemp_range"},
    {"dynatemp-exponent", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 100, "F", "1", "how entropy maps to temperature",
     .openai = "dynatemp_exponent"},
    {"mirostat", 0, OPTION_INT, OPTION_SAMPLING, 0, 2, "0|2", "0", "2: mirostat 2 instead of truncation",
     .ollama = "mirostat", .openai = "mirostat"},
    {"mirostat-tau", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1000, "F", "5", "mirostat's target surprise",
     .ollama = "mirostat_tau", .openai = "mirostat_tau"},
    {"mirostat-eta", 0, OPTION_FLOAT, OPTION_SAMPLING, 0, 1000, "F", "0.1", "mirostat's learning rate",
     .ollama = "mirostat_eta", .openai = "mirostat_eta"},
    {"logit-bias", 0, OPTION_LIST, OPTION_SAMPLING, 0, 0, "ID=F", NULL, "added to a token's logit; repeatable",
     .openai = "logit_bias"},
    {"samplers", 0, OPTION_TEXT, OPTION_SAMPLING, 0, 0, "LIST",
     "penalties;dry;top-n-sigma;top-k;typical;top-p;min-p;xtc;temperature", "the samplers, in their order",
     .openai = "samplers"},

    {"max-tokens", 'n', OPTION_INT, OPTION_END, 0, BIG, "N", NULL, "tokens to generate, at most",
     .ollama = "num_predict", .openai = "max_tokens max_completion_tokens max_output_tokens n_predict",
     .anthropic = "max_tokens"},
    {"stop", 0, OPTION_LIST, OPTION_END, 0, 0, "TEXT", NULL, "ends the reply where it appears; repeatable",
     .ollama = "stop", .openai = "stop", .anthropic = "stop_sequences"},
    {"ignore-eos", 0, OPTION_FLAG, OPTION_END, 0, 0, NULL, NULL, "go on after the end of generation",
     .openai = "ignore_eos"},

    {"schema", 0, OPTION_TEXT, OPTION_CONSTRAIN, 0, 0, "FILE", NULL, "a JSON schema the reply keeps"},
    {"grammar", 0, OPTION_TEXT, OPTION_CONSTRAIN, 0, 0, "FILE", NULL, "a GBNF grammar the reply keeps"},
    {"regex", 0, OPTION_TEXT, OPTION_CONSTRAIN, 0, 0, "R", NULL, "a regular expression the reply matches"},
    {"choice", 0, OPTION_LIST, OPTION_CONSTRAIN, 0, 0, "TEXT", NULL, "one of these texts is the reply; repeatable"},
    {"json-object", 0, OPTION_FLAG, OPTION_CONSTRAIN, 0, 0, NULL, NULL, "the reply is a JSON object"},

    {"logprobs", 0, OPTION_INT, OPTION_REPORT, 0, 100, "K", NULL, "top K log probabilities a token, in --json"},
};

const struct option *options_table(size_t *n)
{
    *n = sizeof table / sizeof *table;
    return table;
}
