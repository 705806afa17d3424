/* SPDX-License-Identifier: MIT */
#include "record/machine.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/system.h"

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
