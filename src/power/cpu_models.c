/* SPDX-License-Identifier: MIT */
#include "power/cpu_models.h"

#include "base/num.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char erg_cpu_models_date[] = "2026-11";

/*
 * Thermal design power and hardware threads per processor as the vendors' data sheets give them:
 * "full" is the design power, which all cores can draw for long. Vendors do not publish what an
 * idle processor draws; a tenth of the design power (clients) and a fifth (servers) are the order
 * that published server and client measurements show. Where there is no data sheet (Apple, Amazon,
 * Raspberry Pi) the figures are round ones from published measurements of whole machines. First
 * match wins: names of families stand last.
 */
enum kind {
    CLIENT,
    SERVER,
    RENTED, /* a server that only exists as virtual machines and does not say so */
};

static const struct cpu_model {
    const char *pattern; /* part of the model name */
    int design_w;
    int threads;
    enum kind kind;
} models[] = {
    {"i9-14900K", 125, 32, CLIENT},
    {"i9-13900K", 125, 32, CLIENT},
    {"i9-12900K", 125, 24, CLIENT},
    {"i7-13700K", 125, 24, CLIENT},
    {"i7-12700K", 125, 20, CLIENT},
    {"i7-10700K", 125, 16, CLIENT},
    {"i7-8700K", 95, 12, CLIENT},
    {"i7-8550U", 15, 8, CLIENT},
    {"i7-1165G7", 28, 8, CLIENT},
    {"i5-12400", 65, 12, CLIENT},
    {"Ultra 7 155H", 28, 22, CLIENT},
    {"Ryzen 9 7950X", 170, 32, CLIENT},
    {"Ryzen 9 5950X", 105, 32, CLIENT},
    {"Ryzen 7 7800X3D", 120, 16, CLIENT},
    {"Ryzen 7 7840U", 28, 16, CLIENT},
    {"Ryzen 7 5800X", 105, 16, CLIENT},
    {"Ryzen 5 5600X", 65, 12, CLIENT},
    {"Ryzen 5 3600", 65, 12, CLIENT},
    {"Ultra 9 285K", 125, 24, CLIENT},
    {"Ultra 7 265K", 125, 20, CLIENT},
    {"Ultra 5 125H", 28, 18, CLIENT},
    {"i9-10900K", 125, 20, CLIENT},
    {"i9-9900K", 95, 16, CLIENT},
    {"i5-13600K", 125, 20, CLIENT},
    {"i5-12600K", 125, 16, CLIENT},
    {"i9-13900H", 45, 20, CLIENT},
    {"i7-13700H", 45, 20, CLIENT},
    {"i7-12700H", 45, 20, CLIENT},
    {"i7-1360P", 28, 16, CLIENT},
    {"i7-1260P", 28, 16, CLIENT},
    {"i5-1240P", 28, 16, CLIENT},
    {"i7-1255U", 15, 12, CLIENT},
    {"i7-1185G7", 28, 8, CLIENT},
    {"i5-1135G7", 28, 8, CLIENT},
    {"i5-8250U", 15, 8, CLIENT},
    {"N100", 6, 4, CLIENT},
    {"Ryzen 9 9950X", 170, 32, CLIENT},
    {"Ryzen 7 9800X3D", 120, 16, CLIENT},
    {"Ryzen 7 9700X", 65, 16, CLIENT},
    {"Ryzen 9 7900X", 170, 24, CLIENT},
    {"Ryzen 7 7700X", 105, 16, CLIENT},
    {"Ryzen 5 7600X", 105, 12, CLIENT},
    {"Ryzen 9 3900X", 105, 24, CLIENT},
    {"Ryzen 7 3700X", 65, 16, CLIENT},
    {"Ryzen 7 5700G", 65, 16, CLIENT},
    {"Ryzen 7 5800H", 45, 16, CLIENT},
    {"Ryzen 7 4800H", 45, 16, CLIENT},
    {"Ryzen AI 9 HX 370", 28, 24, CLIENT},
    {"RYZEN AI MAX+ 395", 55, 32, CLIENT},
    {"Threadripper PRO 5995WX", 280, 128, SERVER},
    {"EPYC 9654", 360, 192, SERVER},
    {"EPYC 9554", 360, 128, SERVER},
    {"EPYC 7763", 280, 128, SERVER},
    {"EPYC 7742", 225, 128, SERVER},
    {"EPYC 7543", 225, 64, SERVER},
    {"Xeon(R) Platinum 8480", 350, 112, SERVER},
    {"Xeon(R) Platinum 8380", 270, 80, SERVER},
    {"Xeon(R) Gold 6338", 205, 64, SERVER},
    {"Xeon(R) Gold 6248 ", 150, 40, SERVER},
    {"E5-2686 v4", 145, 36, SERVER},
    {"E5-2680 v4", 120, 28, SERVER},
    {"Threadripper PRO 7995WX", 350, 192, SERVER},
    {"Threadripper 3990X", 280, 128, SERVER},
    {"Threadripper 3970X", 280, 64, SERVER},
    {"EPYC 9965", 500, 384, SERVER},
    {"EPYC 9655", 400, 192, SERVER},
    {"EPYC 9754", 360, 256, SERVER},
    {"EPYC 9454", 290, 96, SERVER},
    {"EPYC 9354", 280, 64, SERVER},
    {"EPYC 7713", 225, 128, SERVER},
    {"EPYC 7702", 200, 128, SERVER},
    {"EPYC 7402", 180, 48, SERVER},
    {"EPYC 7302", 155, 32, SERVER},
    {"Platinum 8592", 350, 128, SERVER},
    {"Platinum 8358", 250, 64, SERVER},
    {"Platinum 8280", 205, 56, SERVER},
    {"Platinum 8180", 205, 56, SERVER},
    {"Gold 6330", 205, 56, SERVER},
    {"Gold 6226R", 150, 32, SERVER},
    {"Gold 6130", 125, 32, SERVER},
    {"Silver 4210", 85, 20, SERVER},
    {"E5-2690 v4", 135, 28, SERVER},
    {"E5-2630 v4", 85, 20, SERVER},
    {"Raspberry Pi 5", 8, 4, CLIENT},
    {"Raspberry Pi 4", 6, 4, CLIENT},
    {"Apple M", 20, 8, CLIENT},
    {"ARM 0x61", 20, 8, CLIENT},         /* Apple silicon under Linux */
    {"ARM 0x41 0xd0c", 110, 64, RENTED}, /* Neoverse N1: Graviton2 */
    {"ARM 0x41 0xd40", 110, 64, RENTED}, /* Neoverse V1: Graviton3 */
    {"ARM 0x41 0xd4f", 180, 96, RENTED}, /* Neoverse V2: Graviton4 */
    {"EPYC", 225, 128, SERVER},
    {"Xeon", 205, 56, SERVER},
};

/* Per logical CPU when nothing matches: the order of published averages over cloud servers. */
enum { DEFAULT_IDLE_MW = 750, DEFAULT_FULL_MW = 3500 };

/* The value of the first line "key<blanks>: value"; false when there is none. */
static bool field(const char *cpuinfo, const char *key, char *out, size_t out_bytes)
{
    size_t key_len = strlen(key);
    for (const char *line = cpuinfo; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_len) != 0)
            continue;
        const char *p = line + key_len + strspn(line + key_len, " \t");
        if (*p != ':')
            continue;
        p++;
        p += strspn(p, " \t");
        snprintf(out, out_bytes, "%.*s", (int)strcspn(p, "\n"), p);
        return true;
    }
    return false;
}

static void identify(const char *cpuinfo, char *out, size_t out_bytes)
{
    char maker[16], part[16];
    if (field(cpuinfo, "model name", out, out_bytes) || field(cpuinfo, "Model", out, out_bytes))
        return;
    if (field(cpuinfo, "CPU implementer", maker, sizeof maker) &&
        field(cpuinfo, "CPU part", part, sizeof part))
        snprintf(out, out_bytes, "ARM %s %s", maker, part);
    else
        snprintf(out, out_bytes, "unknown CPU");
}

static bool is_virtual(const char *cpuinfo)
{
    const char *flags = strstr(cpuinfo, "\nflags");
    const char *found = flags ? strstr(flags, " hypervisor") : NULL;
    return found && found < flags + 1 + strcspn(flags + 1, "\n");
}

/* Processors in the machine: logical CPUs over the siblings in each. */
static int count_sockets(const char *cpuinfo, int cpus)
{
    char text[16];
    int64_t siblings;
    if (!field(cpuinfo, "siblings", text, sizeof text) ||
        erg_parse_i64(text, 1, 1 << 20, &siblings, NULL) || cpus <= siblings)
        return 1;
    return (int)((cpus + siblings - 1) / siblings);
}

void erg_cpu_power_find(const char *cpuinfo, int cpus, struct erg_cpu_power *out)
{
    *out = (struct erg_cpu_power){.cpus = cpus, .shared = is_virtual(cpuinfo)};
    identify(cpuinfo, out->model, sizeof out->model);
    out->idle_mw = (int64_t)DEFAULT_IDLE_MW * cpus;
    out->full_mw = (int64_t)DEFAULT_FULL_MW * cpus;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        const struct cpu_model *model = &models[i];
        if (!strstr(out->model, model->pattern))
            continue;
        out->matched = true;
        out->shared = out->shared || model->kind == RENTED;
        out->full_mw = (int64_t)model->design_w * 1000;
        if (out->shared)
            out->full_mw = out->full_mw * cpus / model->threads;
        else
            out->full_mw *= count_sockets(cpuinfo, cpus);
        out->idle_mw = out->full_mw / (model->kind == CLIENT ? 10 : 5);
        return;
    }
}
