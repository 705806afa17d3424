/* SPDX-License-Identifier: MIT */
#include "power/fix.h"

#include "base/mem.h"

#include <stddef.h>

#define MARK "# Made by 'ergon doctor --fix'; 'ergon doctor --unfix' removes it.\n"

const char erg_fix_mark[] = MARK;

/* The remedies. A rule names what it opens, and opens nothing else. */

static bool has_powermetrics(const struct erg_root *root)
{
    ERG_AUTO_FD int fd = -1;
    return erg_root_open(root, "/usr/bin/powermetrics", &fd, NULL) == 0;
}

static bool has_rapl(const struct erg_root *root)
{
    char name[64];
    return erg_root_read_text(root, "/sys/class/powercap/intel-rapl:0/name", name, sizeof name,
                              NULL) == 0;
}

/* Above 2 nobody may count even what their own processes do. */
static bool is_paranoid(const struct erg_root *root)
{
    int64_t level;
    return erg_root_read_i64(root, "/proc/sys/kernel/perf_event_paranoid", &level, NULL) == 0 &&
           level > 2;
}

static const struct erg_fix fixes[] = {
    {
        .name = "powermetrics",
        .purpose = "lets your user run /usr/bin/powermetrics, and nothing else, as root without "
                   "a password",
        .path = "/etc/sudoers.d/ergon",
        .mode = 0440,
        .text = MARK "%s ALL=(root) NOPASSWD: /usr/bin/powermetrics\n",
        .sudoers = true,
        .applies = has_powermetrics,
    },
    {
        .name = "rapl",
        .purpose = "lets the group 'ergon' read the energy counters of processors, as everybody "
                   "could before 2020",
        .path = "/etc/udev/rules.d/60-ergon-rapl.rules",
        .mode = 0644,
        .text = MARK "SUBSYSTEM==\"powercap\", KERNEL==\"intel-rapl:*\", ACTION==\"add|change\", "
                     "RUN+=\"/bin/chgrp ergon /sys%p/energy_uj\", "
                     "RUN+=\"/bin/chmod g+r /sys%p/energy_uj\"\n",
        .apply = {{"groupadd", "--force", "--system", "ergon"},
                  {"usermod", "--append", "--groups", "ergon", "%s"},
                  {"udevadm", "control", "--reload"},
                  {"udevadm", "trigger", "--subsystem-match=powercap", "--action=change"}},
        .undo = {{"udevadm", "control", "--reload"},
                 {"find", "-L", "/sys/class/powercap", "-maxdepth", "2", "-name", "energy_uj",
                  "-exec", "chmod", "g-r", "{}", "+"},
                 {"find", "-L", "/sys/class/powercap", "-maxdepth", "2", "-name", "energy_uj",
                  "-exec", "chgrp", "root", "{}", "+"},
                 {"groupdel", "ergon"}},
        .applies = has_rapl,
    },
    {
        .name = "perf",
        .purpose = "lets users count what their own processes do (instructions, cycles, cache "
                   "misses), not what others do",
        .path = "/etc/sysctl.d/60-ergon-perf.conf",
        .mode = 0644,
        .text = MARK "kernel.perf_event_paranoid = 2\n",
        .apply = {{"sysctl", "--load", "/etc/sysctl.d/60-ergon-perf.conf"}},
        .undo = {{"sysctl", "--system"}},
        .applies = is_paranoid,
    },
};

const struct erg_fix *erg_fix_at(size_t i)
{
    return i < sizeof fixes / sizeof fixes[0] ? &fixes[i] : NULL;
}

bool erg_fix_applies(const struct erg_fix *fix, const struct erg_root *root)
{
    return fix->applies(root);
}
