/* SPDX-License-Identifier: MIT */
#include "power/host.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/system.h"
#include "power/procstat.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { UNKNOWN = -1, MEMINFO_BYTES = 16384 };

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    if (clock_gettime(clock, &ts))
        return UNKNOWN;
    return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static uint64_t number_at(const char *p)
{
    char digits[24];
    uint64_t value;
    p += strspn(p, " \t:");
    size_t len = strspn(p, "0123456789");
    if (len == 0 || len >= sizeof digits)
        return 0;
    memcpy(digits, p, len);
    digits[len] = '\0';
    return erg_parse_u64(digits, &value, NULL) ? 0 : value;
}

/* "Key:   123 kB" in bytes; 0 when it is not there. */
static uint64_t meminfo_bytes(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, len) && line[len] == ':')
            return number_at(line + len) << 10;
    }
    return 0;
}

static void sample_memory(const struct erg_root *root, struct erg_host_sample *out)
{
    char text[MEMINFO_BYTES];
    if (erg_root_read_text(root, "/proc/meminfo", text, sizeof text, NULL))
        return;
    uint64_t total = meminfo_bytes(text, "MemTotal");
    uint64_t available = meminfo_bytes(text, "MemAvailable");
    if (!available) /* kernels before 3.14 */
        available = meminfo_bytes(text, "MemFree") + meminfo_bytes(text, "Buffers") +
                    meminfo_bytes(text, "Cached");
    out->machine_total_bytes = total;
    out->machine_used_bytes = available < total ? total - available : 0;
}

static bool read_machine(const struct erg_root *root, struct erg_procstat *out)
{
    ERG_AUTO_FD int fd = -1;
    return erg_procstat_open(root, &fd, NULL) == 0 && erg_procstat_read(fd, out, NULL) == 0;
}

/* Share of `cpus` CPUs over `elapsed`; NaN when either end is not known. */
static double process_ratio(int64_t last_ns, int64_t now_ns, int64_t elapsed_ns, int cpus)
{
    if (last_ns < 0 || now_ns < last_ns || elapsed_ns <= 0)
        return NAN;
    return fmin((double)(now_ns - last_ns) / ((double)elapsed_ns * cpus), 1);
}

static double or_zero(double ratio)
{
    return isnan(ratio) ? 0 : ratio;
}

void erg_host_init(struct erg_host *host, const struct erg_root *root, pid_t engine_pid)
{
    *host = (struct erg_host){.root = root,
                              .engine_pid = engine_pid,
                              .last_machine_busy = UNKNOWN,
                              .last_machine_total = UNKNOWN,
                              .last_engine_ns = UNKNOWN,
                              .last_self_ns = UNKNOWN};
}

void erg_host_sample(struct erg_host *host, int64_t t_ns, struct erg_host_sample *out)
{
    struct erg_procstat machine = {UNKNOWN, UNKNOWN, 0};
    bool known = read_machine(host->root, &machine);
    int64_t engine = erg_system_process_ns(host->engine_pid),
            self = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int64_t elapsed = t_ns - host->last_t_ns;
    *out = (struct erg_host_sample){.t_ns = t_ns,
                                    .engine_cpu_ratio = NAN,
                                    .machine_cpu_ratio = NAN,
                                    .others_cpu_ratio = NAN,
                                    .engine_rss_bytes =
                                        erg_system_process_rss_bytes(host->engine_pid)};
    sample_memory(host->root, out);
    if (known && host->last_machine_total >= 0) {
        int64_t total = machine.total_jiffies - host->last_machine_total;
        int64_t busy = machine.busy_jiffies - host->last_machine_busy;
        out->engine_cpu_ratio = process_ratio(host->last_engine_ns, engine, elapsed, machine.cpus);
        double own = process_ratio(host->last_self_ns, self, elapsed, machine.cpus);
        if (total > 0 && busy >= 0) {
            out->machine_cpu_ratio = fmin((double)busy / (double)total, 1);
            out->others_cpu_ratio =
                fmax(out->machine_cpu_ratio - or_zero(out->engine_cpu_ratio) - or_zero(own), 0);
        }
    }
    host->last_t_ns = t_ns;
    host->last_machine_busy = machine.busy_jiffies;
    host->last_machine_total = machine.total_jiffies;
    host->last_engine_ns = engine;
    host->last_self_ns = self;
}
