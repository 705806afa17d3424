/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_FIX_H
#define ERG_POWER_FIX_H

#include "base/buf.h"
#include "base/err.h"
#include "base/root.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Remedies for missing permissions, as data: one small file each, and commands that make the
 * system look at it. Only files that begin with our mark are ever replaced or removed, nothing is
 * reached through a symbolic link, and taking a remedy back leaves what was there before it.
 */
enum { ERG_FIX_COMMANDS = 4, ERG_FIX_WORDS = 14 };

struct erg_fix {
    const char *name;    /* the source it is for */
    const char *purpose; /* one line for people: what it allows, and what it does not */
    const char *path;    /* of the file, below the root */
    mode_t mode;
    const char *text; /* "%s" stands for the user's name, at most once */
    bool sudoers;     /* to be approved by visudo before it is put in its place */
    /* Run after the file is there, and after it has gone; "%s" as above, NULL-terminated. */
    const char *apply[ERG_FIX_COMMANDS][ERG_FIX_WORDS];
    const char *undo[ERG_FIX_COMMANDS][ERG_FIX_WORDS];
    bool (*applies)(const struct erg_root *root);
};

/* First line of every file of ours. */
extern const char erg_fix_mark[];

/* Remedy `i`; NULL behind the last. */
const struct erg_fix *erg_fix_at(size_t i);

/* Is there something on this machine that it would help? */
bool erg_fix_applies(const struct erg_fix *fix, const struct erg_root *root);

enum erg_fix_state { ERG_FIX_ABSENT, ERG_FIX_PRESENT, ERG_FIX_OUTDATED };

/*
 * What is in the file's place. BUSY for a file that is not ours, INVALID for a name that no user
 * has or a symbolic link on the way, NOT_FOUND when the folder is not there.
 */
int erg_fix_look(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                 enum erg_fix_state *out, struct erg_err *err);

/* The change as a unified difference; `undo`: the way back. */
int erg_fix_show(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                 bool undo, struct erg_buf *out, struct erg_err *err);

/*
 * Runs a program and waits for it: 0, or why it failed. argv is NULL-terminated.
 */
typedef int (*erg_fix_run)(void *user, const char *const *argv, struct erg_err *err);

/*
 * Put the file in its place at once and whole, readable as `mode` says and root's (where this
 * process is root), after `run` has approved of it if it is for sudo; or take it away. The commands
 * are run where the root is this machine's own.
 */
int erg_fix_apply(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                  erg_fix_run run, void *run_user, struct erg_err *err);
int erg_fix_undo(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                 erg_fix_run run, void *run_user, struct erg_err *err);

#endif
