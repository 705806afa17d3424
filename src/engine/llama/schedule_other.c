/* SPDX-License-Identifier: MIT */
/* Where a program cannot stand in for a library's function: graphs are met while they run. */
#include "engine/llama/schedule.h"

void erg_schedule_watch(const struct erg_schedule_watch *watch)
{
    (void)watch;
}
