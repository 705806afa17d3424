/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_PROCESS_H
#define ERG_STORE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Identity of a process, one file per platform: "pid start_time boot_id", which no later process
 * and no other boot of the machine has. Where the system does not tell, start and boot are "-".
 */

/* Identity of this process. */
void erg_process_identity(char *out, size_t out_bytes);

/* Whether the process of that identity still runs here; false for what is not an identity. */
bool erg_process_lives(const char *identity);

#endif
