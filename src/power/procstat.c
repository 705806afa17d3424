/* SPDX-License-Identifier: MIT */
#include "power/procstat.h"

#include "base/num.h"
#include "base/system.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* The CPU lines come first; what follows them may be very long and is not needed. */
enum { STAT_BYTES = 65536 };

#define STAT_PATH "/proc/stat"

enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };

static bool next_number(const char **p, int64_t *out)
{
    char digits[24];
    const char *start = *p + strspn(*p, " \t");
    size_t len = strspn(start, "0123456789");
    if (len == 0 || len >= sizeof digits)
        return false;
    memcpy(digits, start, len);
    digits[len] = '\0';
    *p = start + len;
    return erg_parse_i64(digits, 0, INT64_MAX / FIELDS, out, NULL) == 0;
}

static int count_cpus(const char *text)
{
    int cpus = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "cpu", 3) != 0)
            break;
        cpus += isdigit((unsigned char)line[3]) != 0;
    }
    return cpus;
}

int erg_procstat_parse(const char *text, struct erg_procstat *out, struct erg_err *err)
{
    int64_t fields[FIELDS] = {0};
    const char *p = text + 4;
    size_t n = 0;
    if (strncmp(text, "cpu ", 4) == 0) {
        while (n < FIELDS && next_number(&p, &fields[n]))
            n++;
    }
    /* Kernels of the last twenty years have all eight; four are the oldest form. */
    int cpus = count_cpus(text);
    if (n <= IDLE || cpus == 0)
        return erg_fail(err, ERG_CORRUPT, "'/proc/stat' does not hold CPU times");
    struct erg_procstat stat = {.cpus = cpus};
    stat.busy_jiffies =
        fields[USER] + fields[NICE] + fields[SYSTEM] + fields[IRQ] + fields[SOFTIRQ];
    stat.total_jiffies = stat.busy_jiffies + fields[IDLE] + fields[IOWAIT] + fields[STEAL];
    *out = stat;
    return 0;
}

int erg_procstat_open(const struct erg_root *root, int *out_fd, struct erg_err *err)
{
    char text[STAT_BYTES];
    if (root->prefix[0] || erg_system_text(STAT_PATH, text, sizeof text))
        return erg_root_open(root, STAT_PATH, out_fd, err);
    *out_fd = -1;
    return 0;
}

int erg_procstat_read(int fd, struct erg_procstat *out, struct erg_err *err)
{
    char text[STAT_BYTES];
    size_t len = 0;
    if (fd < 0 && erg_system_text(STAT_PATH, text, sizeof text) == 0)
        return erg_procstat_parse(text, out, err);
    while (len < sizeof text - 1) {
        ssize_t n = pread(fd, text + len, sizeof text - 1 - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return erg_fail_errno(err, errno, "cannot read '/proc/stat'");
        if (n == 0)
            break;
        len += (size_t)n;
        text[len] = '\0';
        /* Stop behind the CPU lines, so that the long rest is not copied. */
        if (len >= 6 && strstr(text, "\nintr"))
            break;
    }
    text[len] = '\0';
    return erg_procstat_parse(text, out, err);
}

int64_t erg_procstat_jiffy_ns(void)
{
    long hz = sysconf(_SC_CLK_TCK);
    return INT64_C(1000000000) / (hz > 0 ? hz : 100);
}
