/* SPDX-License-Identifier: MIT */
#include "base/err.h"
#include "power/joules.h"
#include "power/perf.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 200, MAX_CPUS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line as a list of CPUs; what follows as readings of a counter, eight bytes each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[MAX_TEXT];
    int cpus[MAX_CPUS];
    size_t len = 0;
    while (len < size && len < sizeof text - 1 && data[len] != '\n')
        len++;
    memcpy(text, data, len);
    text[len] = '\0';
    int count = erg_cpu_list_parse(text, cpus, MAX_CPUS);
    if (count > MAX_CPUS || (count <= 0 && count != ERG_CORRUPT))
        abort();
    for (int i = 0; i < count; i++) {
        if (cpus[i] < 0)
            abort();
    }
    struct erg_joules joules;
    uint64_t max_uj = UINT64_C(65532610987), most_uj = 0;
    int64_t t_ns = 0, last_nj = 0;
    erg_joules_init(&joules, max_uj, 0);
    for (size_t at = len + 1; at + 8 <= size; at += 8) {
        uint64_t value;
        memcpy(&value, data + at, 8);
        int64_t step_ns = (int64_t)(value >> 40) * 1000;
        t_ns += step_ns;
        erg_joules_add(&joules, t_ns, value % (max_uj + 1));
        most_uj += max_uj + 1; /* one lap at the most */
        if (joules.total_nj < last_nj || (uint64_t)joules.total_nj / 1000 > most_uj ||
            erg_perf_energy_nj(value, 1.0 / 4294967296.0) < 0)
            abort();
        last_nj = joules.total_nj;
    }
    return 0;
}
