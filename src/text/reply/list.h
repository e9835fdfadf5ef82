/* SPDX-License-Identifier: Apache-2.0
 *
 * Every reply format, one row each: the `struct reply_format` that its file defines. The first whose signs a template
 * holds is the template's, so what is more particular stands first. Included by reply/parser.c alone.
 */
REPLY_ROW(reply_gpt_oss)
REPLY_ROW(reply_gemma4)
REPLY_ROW(reply_deepseek_v3)
REPLY_ROW(reply_deepseek_v31)
REPLY_ROW(reply_command_a)
REPLY_ROW(reply_command_r)
REPLY_ROW(reply_mistral_args)
REPLY_ROW(reply_mistral)
REPLY_ROW(reply_glm)
REPLY_ROW(reply_qwen_coder)
REPLY_ROW(reply_smollm3)
REPLY_ROW(reply_hermes)
REPLY_ROW(reply_phi4_mini)
REPLY_ROW(reply_llama3)
REPLY_ROW(reply_magistral)
REPLY_ROW(reply_think)
REPLY_ROW(reply_plain)
