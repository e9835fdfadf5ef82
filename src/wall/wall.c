/* SPDX-License-Identifier: Apache-2.0 */
#include "wall/wall.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/error.h"
#include "wall/internal.h"

static bool raise_no_new_privileges(const struct wall_options *options, struct hob_error *err)
{
    (void)options;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || error_system(err, "no new privileges", "cannot be set");
}

/* Nobody of the same user may look into the memory. */
static bool raise_not_dumpable(const struct wall_options *options, struct hob_error *err)
{
    (void)options;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 || error_system(err, "not dumpable", "cannot be set");
}

static bool raise_no_core(const struct wall_options *options, struct hob_error *err)
{
    const struct rlimit none = {0};
    (void)options;
    return setrlimit(RLIMIT_CORE, &none) == 0 || error_system(err, "core files", "cannot be turned off");
}

/* In the order in which they are raised: the last takes away what the others need. */
static const struct wall {
    const char *name;
    bool (*raise)(const struct wall_options *options, struct hob_error *err);
    unsigned roles; /* whom it stands around */
} walls[] = {
    {"no-new-privileges", raise_no_new_privileges, WALL_ENGINE | WALL_KEEPER},
    {"not-dumpable", raise_not_dumpable, WALL_ENGINE | WALL_KEEPER},
    {"no-core", raise_no_core, WALL_ENGINE | WALL_KEEPER},
    {"descriptors", descriptors_raise, WALL_ENGINE | WALL_KEEPER},
    {"files", files_raise, WALL_ENGINE},
    {"system-calls", filter_raise, WALL_ENGINE | WALL_KEEPER},
};

enum { N_WALLS = sizeof walls / sizeof *walls };

/* Why a wall does not stand around this process. */
static struct hob_error missing[N_WALLS];
static bool raised;

bool wall_is_without(const struct wall_options *options, const char *name)
{
    return options->without && strcmp(options->without, name) == 0;
}

bool wall_raise(const struct wall_options *options, struct hob_error *err)
{
    for (size_t i = 0; i < N_WALLS; i++) {
        if (!(walls[i].roles & (unsigned)options->role) || wall_is_without(options, walls[i].name) ||
            walls[i].raise(options, &missing[i]))
            continue;
        if (!options->allow_holes)
            return error_set(err, HOB_REFUSED,
                             "the wall \"%s\" cannot be raised: %.200s; --allow-unsandboxed goes on without it",
                             walls[i].name, missing[i].text);
    }
    raised = true;
    return true;
}

json_t *wall_status(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < N_WALLS; i++)
        if (missing[i].status != HOB_OK)
            json_array_append_new(list, json_pack("{s:s, s:s}", "wall", walls[i].name, "reason", missing[i].text));
    bool whole = raised && json_array_size(list) == 0;
    return json_pack("{s:b, s:o}", "sandboxed", (int)whole, "missing", list);
}
