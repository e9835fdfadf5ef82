/* SPDX-License-Identifier: Apache-2.0
 *
 * Every family hob knows: one row each. FAMILY(name) stands for `const struct family family_<name>` of <name>.c.
 */
FAMILY(llama)
FAMILY(qwen2)
FAMILY(qwen3)
FAMILY(gemma3)
FAMILY(olmo2)
