/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "base/root.h"
#include "store/process.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Fields of /proc/PID/stat are counted behind the name, which may hold blanks and parentheses. */
static bool start_time(long pid, char out[32])
{
    struct erg_root root = {.prefix = ""};
    char path[64], stat[2048];
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    if (erg_root_read_text(&root, path, stat, sizeof(stat), NULL))
        return false;
    const char *field = strrchr(stat, ')');
    for (int i = 2; field && i < 22; i++) {
        field = strchr(field + 1, ' ');
        if (i == 2 && field && strchr("ZX", field[1]))
            return false; /* dead, only not yet waited for */
    }
    if (!field)
        return false;
    size_t len = strcspn(field + 1, " ");
    snprintf(out, 32, "%.*s", (int)(len < 31 ? len : 31), field + 1);
    return true;
}

static void identity_of(long pid, char *out, size_t out_bytes)
{
    struct erg_root root = {.prefix = ""};
    char start[32], boot[64];
    if (!start_time(pid, start))
        snprintf(start, sizeof(start), "-");
    if (erg_root_read_text(&root, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot), NULL))
        snprintf(boot, sizeof(boot), "-");
    snprintf(out, out_bytes, "%ld %s %s", pid, start, boot);
}

void erg_process_identity(char *out, size_t out_bytes)
{
    identity_of((long)getpid(), out, out_bytes);
}

bool erg_process_lives(const char *identity)
{
    char pid_text[24], now[160];
    int64_t pid;
    snprintf(pid_text, sizeof(pid_text), "%.*s", (int)strcspn(identity, " "), identity);
    if (erg_parse_i64(pid_text, 1, INT32_MAX, &pid, NULL))
        return false;
    identity_of((long)pid, now, sizeof(now));
    return strcmp(now, identity) == 0;
}
