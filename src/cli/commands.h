/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands, one file each. A new one is declared here and listed in main.c.
 */
#ifndef HOB_CLI_COMMANDS_H
#define HOB_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct command add_command;        /* add.c */
extern const struct command batch_command;      /* batch.c */
extern const struct command bench_command;      /* bench.c */
extern const struct command constrain_command;  /* constrain.c */
extern const struct command cp_command;         /* cp.c */
extern const struct command create_command;     /* create.c */
extern const struct command embed_command;      /* embed.c */
extern const struct command generate_command;   /* generate.c */
extern const struct command inspect_command;    /* inspect.c */
extern const struct command key_command;        /* key.c */
extern const struct command limits_command;     /* limits.c */
extern const struct command list_command;       /* list.c */
extern const struct command logits_command;     /* logits.c */
extern const struct command ls_command;         /* list.c */
extern const struct command parse_command;      /* parse.c */
extern const struct command perplexity_command; /* perplexity.c */
extern const struct command ps_command;         /* ps.c */
extern const struct command render_command;     /* render.c */
extern const struct command replay_command;     /* replay.c */
extern const struct command rm_command;         /* rm.c */
extern const struct command run_command;        /* run.c */
extern const struct command selftest_command;   /* selftest.c */
extern const struct command serve_command;      /* serve.c */
extern const struct command show_command;       /* show.c */
extern const struct command stop_command;       /* stop.c */
extern const struct command tokenize_command;   /* tokenize.c */

#endif
