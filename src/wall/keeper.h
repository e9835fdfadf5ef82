/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper: a process beside the engine that opens files for it and keeps the library. It is forked before a prompt
 * is read, sees none, and has no network. It opens what it was granted before the engine's walls were raised, what the
 * library names, and nothing else.
 *
 *   engine --- {"do": "open", "path", "use"} ------> keeper
 *          <-- {} and a descriptor, or {"status", "error"} ---
 *
 *   grant    {"path", "write"}          before "sealed" only; so are "chat" and "socket"
 *   chat     {}                         a person types names of files: those of chats (policy.c)
 *   socket   {"path"}                   is removed at the end
 *   sealed   {"holes"}                  the engine's walls rise: no more grants; its own must stand, unless "holes"
 *   open     {"path", "use"}            a descriptor; {"handle"} for FILE_REPLACE
 *   look     {"path"}                   {"kind", "absolute"}: what lies there, if it may be opened
 *   finish   {"handle", "keep"}         {"pending"} while a blob is being read
 *   the calls of store/remote.h
 */
#ifndef HOB_WALL_KEEPER_H
#define HOB_WALL_KEEPER_H

#include <hob.h>

/* Forks the keeper. In it, the words of the command line `argv` [argc] are wiped; it ends with this process. HOB_LIMIT
 * where there is no room for a process. Call it before anything else is done. */
bool keeper_start(int argc, char **argv, struct hob_error *err);

/* The descriptor of the engine's end; -1 when there is no keeper. */
int keeper_channel(void);

/* Lets it open `path`, which a person has named: a file, or a folder and the files in it. Before keeper_use(). */
bool keeper_grant(const char *path, bool write, struct hob_error *err);

/* Lets a person name files of chats as the chat goes on. Before keeper_use(). */
bool keeper_grant_chat(struct hob_error *err);

/* Makes it remove this UNIX socket at the end. Before keeper_use(). */
bool keeper_grant_socket(const char *path, struct hob_error *err);

/* From now on files are opened and the library is asked through it, by all threads, and it is granted no more.
 * HOB_REFUSED where a wall does not stand around it, unless that is allowed. */
bool keeper_use(bool allow_holes, struct hob_error *err);

/* Ends it, and waits for it. */
void keeper_stop(void);

#endif
