/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "store/process.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysctl.h>
#include <unistd.h>

/* When a process began, as "seconds.microseconds"; false when it is gone, or only not waited for.
 */
static bool start_time(pid_t pid, char out[48])
{
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
    struct kinfo_proc info;
    size_t bytes = sizeof info;
    if (sysctl(name, 4, &info, &bytes, NULL, 0) || bytes < sizeof info ||
        info.kp_proc.p_stat == SZOMB)
        return false;
    snprintf(out, 48, "%lld.%06d", (long long)info.kp_proc.p_starttime.tv_sec,
             (int)info.kp_proc.p_starttime.tv_usec);
    return true;
}

static void identity_of(pid_t pid, char *out, size_t out_bytes)
{
    char start[48], boot[64];
    size_t bytes = sizeof boot;
    if (!start_time(pid, start))
        snprintf(start, sizeof start, "-");
    if (sysctlbyname("kern.bootsessionuuid", boot, &bytes, NULL, 0))
        snprintf(boot, sizeof boot, "-");
    snprintf(out, out_bytes, "%ld %s %s", (long)pid, start, boot);
}

void erg_process_identity(char *out, size_t out_bytes)
{
    identity_of(getpid(), out, out_bytes);
}

bool erg_process_lives(const char *identity)
{
    char pid_text[24], now[160];
    int64_t pid;
    snprintf(pid_text, sizeof pid_text, "%.*s", (int)strcspn(identity, " "), identity);
    if (erg_parse_i64(pid_text, 1, INT32_MAX, &pid, NULL))
        return false;
    identity_of((pid_t)pid, now, sizeof now);
    return strcmp(now, identity) == 0;
}
