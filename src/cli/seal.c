/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/seal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/line.h"
#include "cli/output.h"
#include "wall/keeper.h"
#include "wall/wall.h"

/* Whether the leak sanitizer will trace the process at its end, which the wall does not allow: such a build raises none
 * unless it is told to look for no leaks. */
static bool is_traced(void)
{
#if defined(__SANITIZE_ADDRESS__)
    const bool sanitized = true;
#elif defined(__has_feature)
    const bool sanitized = __has_feature(address_sanitizer);
#else
    const bool sanitized = false;
#endif
    const char *options = getenv("ASAN_OPTIONS");
    return sanitized && !(options && strstr(options, "detect_leaks=0"));
}

/* Grants what an option names, if that is a file. */
static bool grant_option(const struct option *option, const struct option_value *value, struct hob_error *err)
{
    if (option->kind != OPTION_TEXT || !value->text || strcmp(value->text, "-") == 0)
        return true;
    bool is_output = strcmp(option->name, "output") == 0, is_file = option->value && strcmp(option->value, "FILE") == 0;
    return (!is_file && !file_exists(value->text)) || keeper_grant(value->text, is_output, err);
}

/* Whether a word may be a prompt, which the keeper must not see. */
static bool is_text(const struct args *args, size_t i)
{
    return i > 0 && (strstr(args->command->usage, "TEXT") || strstr(args->command->usage, "PROMPT"));
}

/* Grants what the command line names. */
static bool grant_named(const struct args *args, struct hob_error *err)
{
    size_t n;
    const struct option *own = args->command->options, *table = options_table(&n);
    bool good = true;
    for (size_t i = 0; good && i < args->n_words; i++)
        good = (is_text(args, i) && !file_exists(args->words[i])) || keeper_grant(args->words[i], false, err);
    bool is_read = args->command->wall == WALL_LATER; /* what its own options name it has read before */
    for (size_t i = 0; good && !is_read && own && own[i].name; i++)
        good = grant_option(&own[i], &args->own[i], err);
    for (size_t i = 0; good && i < n; i++)
        good = grant_option(&table[i], &args->options.values[i], err);
    const struct memory_files *memory = memory_files();
    for (size_t i = 0; good && i < memory->n; i++)
        good = !memory->files[i] || keeper_grant(memory->files[i], false, err);
    return good;
}

/* Does what reads files of the system once and remembers. */
static void read_ahead(const struct args *args)
{
    setenv("TZ", ":/etc/localtime", 0); /* named, it is not read again and again */
    tzset();
    if (args->command->takes & TAKES_MACHINE)
        cpu_threads_allowed();
}

bool seal(const struct args *args, int listener, struct hob_error *err)
{
    const char *allowed = getenv("HOB_ALLOW_UNSANDBOXED");
    struct wall_options options = {
        .role = WALL_ENGINE,
        .listener = listener,
        .keeper = keeper_channel(),
        .keep = -1,
        .allow_holes = args->allow_unsandboxed || (allowed && strcmp(allowed, "1") == 0),
    };
    bool chat = args->command == &run_command && args->n_words == 1 && isatty(STDIN_FILENO);
    read_ahead(args);
    if (chat)
        line_prepare();
    if (!grant_named(args, err) || (chat && !keeper_grant_chat(err)) || !keeper_use(options.allow_holes, err))
        return false;
    if (is_traced())
        return true;
    if (!wall_raise(&options, err))
        return false;
    if (!args->allow_unsandboxed && args->command->wall != WALL_LATER) /* who set the variable knows */
        return true;
    json_t *status = wall_status(), *missing = json_object_get(status, "missing"), *wall;
    size_t i;
    json_array_foreach(missing, i, wall)
    {
        message("not sandboxed: the wall \"%s\" does not stand: %s", json_string_value(json_object_get(wall, "wall")),
                json_string_value(json_object_get(wall, "reason")));
    }
    json_decref(status);
    return true;
}
