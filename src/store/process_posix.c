/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "store/process.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void erg_process_identity(char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%ld - -", (long)getpid());
}

bool erg_process_lives(const char *identity)
{
    char pid_text[24];
    int64_t pid;
    snprintf(pid_text, sizeof(pid_text), "%.*s", (int)strcspn(identity, " "), identity);
    if (erg_parse_i64(pid_text, 1, INT32_MAX, &pid, NULL))
        return false;
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}
