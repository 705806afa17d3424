/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_CAPTURE_H
#define ERG_POWER_CAPTURE_H

#include "base/err.h"
#include "base/root.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A machine's sensors as a tree of text files that --sysroot takes: what power sources look at
 * below /sys and /proc, contents and all. Serial numbers, unique ids and addresses are left out;
 * links become folders. Files that may not be read are there, empty and unreadable, as they were.
 *
 * `folder` must not exist yet (BUSY). The number of files in *out_count.
 */
int erg_capture(const struct erg_root *root, const char *folder, size_t *out_count,
                struct erg_err *err);

/* Is a file of this name left out? */
bool erg_capture_hides(const char *name);

/* Contents of /proc/cpuinfo and the like without lines that tell one machine from another, in
 * place. */
void erg_capture_clean(char *text);

#endif
