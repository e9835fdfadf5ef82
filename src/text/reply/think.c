/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats without tool calls.
 *
 *   think     <think> thoughts </think> answer      DeepSeek-R1's distills, Phi-4-reasoning, OLMo-3-Think
 *   magistral [THINK] thoughts [/THINK] answer      Magistral
 *   plain     answer
 */
#include "text/reply/format.h"

const struct reply_format reply_think = {
    .name = "think",
    .signs = {"</think>"},
    .think_open = "<think>",
    .think_close = "</think>",
};

const struct reply_format reply_magistral = {
    .name = "magistral",
    .signs = {"[THINK]"},
    .think_open = "[THINK]",
    .think_close = "[/THINK]",
    .think_anywhere = true,
};

const struct reply_format reply_plain = {
    .name = "plain",
};
