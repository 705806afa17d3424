/* SPDX-License-Identifier: MIT */
#include "record/machine.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/system.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Value of the first line "key<blanks>separator value" of a text; "" when there is none. */
static void find_value(const char *text, const char *key, char separator, char *out,
                       size_t out_bytes)
{
    size_t key_len = strlen(key);
    out[0] = '\0';
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *at = line + key_len;
        if (strncmp(line, key, key_len) != 0)
            continue;
        at += strspn(at, " \t");
        if (*at != separator)
            continue;
        at++;
        at += strspn(at, " \t\"");
        snprintf(out, out_bytes, "%.*s", (int)strcspn(at, "\"\n"), at);
        return;
    }
}

static void read_value(const struct erg_root *root, const char *path, const char *key,
                       char separator, char *out, size_t out_bytes)
{
    ERG_AUTO_FREE char *text = erg_calloc(1, ERG_MAX_TEXT_FILE_BYTES);
    out[0] = '\0';
    if (text && erg_root_read_text(root, path, text, ERG_MAX_TEXT_FILE_BYTES, NULL) == 0)
        find_value(text, key, separator, out, out_bytes);
}

/* "16374840 kB" → bytes; 0 when it is no such text. */
static int64_t memory_bytes(char *text)
{
    int64_t kilobytes = 0;
    text[strcspn(text, " ")] = '\0';
    erg_parse_i64(text, 0, INT64_MAX / 1024, &kilobytes, NULL);
    return kilobytes * 1024;
}

int64_t erg_machine_memory_bytes(const struct erg_root *root)
{
    char text[64];
    read_value(root, "/proc/meminfo", "MemTotal", ':', text, sizeof text);
    return memory_bytes(text);
}

/* The limit in `folder`; `most` when there is none, or a larger one ("max" is no number). */
static int64_t limit_in(const struct erg_root *root, const char *folder, const char *file,
                        int64_t most)
{
    char path[1200], text[32];
    int64_t limit;
    int len = snprintf(path, sizeof path, "%s/%s", folder, file);
    if (len < 0 || (size_t)len >= sizeof path ||
        erg_root_read_text(root, path, text, sizeof text, NULL) ||
        erg_parse_i64(text, 1, INT64_MAX, &limit, NULL))
        return most;
    return limit < most ? limit : most;
}

/* The least of the limits of group `group` below `mount` and of those above it. */
static int64_t limit_of_group(const struct erg_root *root, const char *mount, const char *group,
                              const char *file, int64_t most)
{
    char folder[1100];
    int len = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (len < 0 || (size_t)len >= sizeof folder)
        return most;
    for (char *end = folder + len; end;) {
        *end = '\0';
        most = limit_in(root, folder, file, most);
        end = strlen(folder) > strlen(mount) ? strrchr(folder, '/') : NULL;
    }
    return most;
}

static bool lists_memory(const char *controllers, size_t len)
{
    for (const char *at = controllers; at < controllers + len; at += strcspn(at, ",:") + 1) {
        if (strcspn(at, ",:") == 6 && strncmp(at, "memory", 6) == 0)
            return true;
    }
    return false;
}

/* A line "ID:CONTROLLERS:/GROUP" of /proc/self/cgroup; version 2 names no controllers. */
static int64_t limit_of_line(const struct erg_root *root, char *line, int64_t most)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group || group[1] != '/')
        return most;
    controllers++;
    group++;
    if (*controllers == ':')
        return limit_of_group(root, "/sys/fs/cgroup", group, "memory.max", most);
    if (!lists_memory(controllers, (size_t)(group - 1 - controllers)))
        return most;
    return limit_of_group(root, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", most);
}

int64_t erg_machine_usable_bytes(const struct erg_root *root)
{
    char text[8192];
    int64_t memory = erg_machine_memory_bytes(root), most = memory > 0 ? memory : INT64_MAX;
    if (erg_root_read_text(root, "/proc/self/cgroup", text, sizeof text, NULL))
        text[0] = '\0';
    for (char *line = text; *line;) {
        char *end = line + strcspn(line, "\n");
        bool last = !*end;
        *end = '\0';
        most = limit_of_line(root, line, most);
        line = last ? end : end + 1;
    }
    return most == INT64_MAX ? 0 : most;
}

void erg_machine_describe(const struct erg_root *root, struct erg_buf *out_json)
{
    struct utsname names = {0};
    char hostname[256] = "", cpu[256], os[256];
    uname(&names);
    gethostname(hostname, sizeof hostname - 1);
    read_value(root, "/proc/cpuinfo", "model name", ':', cpu, sizeof cpu);
    read_value(root, "/etc/os-release", "PRETTY_NAME", '=', os, sizeof os);

    struct erg_jsonw w;
    erg_jsonw_init(&w, out_json);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "hostname", hostname);
    erg_jsonw_kstr(&w, "os", os[0] ? os : names.sysname);
    erg_jsonw_kstr(&w, "kernel", names.release);
    erg_jsonw_kstr(&w, "architecture", names.machine);
    erg_jsonw_kstr(&w, "cpu", cpu[0] ? cpu : names.machine);
    erg_jsonw_kint(&w, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
    erg_jsonw_kint(&w, "memory_bytes", erg_machine_memory_bytes(root));
    erg_jsonw_obj_end(&w);
}

void erg_run_id(int64_t wall_ns, char out[40])
{
    char when[40];
    unsigned char noise[3] = {0};
    erg_format_local_time(wall_ns, when);
    if (!erg_system_random(noise, sizeof noise))
        memcpy(noise, &wall_ns, sizeof noise);
    /* 2026-11-20T13:18:43.123456 → 20261120-131843-0a1b2c */
    snprintf(out, 40, "%.4s%.2s%.2s-%.2s%.2s%.2s-%02x%02x%02x", when, when + 5, when + 8, when + 11,
             when + 14, when + 17, noise[0], noise[1], noise[2]);
}
