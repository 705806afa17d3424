/* SPDX-License-Identifier: MIT */
#include "power/powermetrics_sample.h"

#include "power/plist.h"

#include <math.h>
#include <string.h>

/* --- documents in a stream -------------------------------------------------------------------- */

static const char END_TAG[] = "</plist>";

enum { END_LEN = sizeof END_TAG - 1 };

void erg_plist_stream_init(struct erg_plist_stream *stream)
{
    *stream = (struct erg_plist_stream){0};
    erg_buf_init(&stream->bytes);
}

void erg_plist_stream_deinit(struct erg_plist_stream *stream)
{
    erg_buf_deinit(&stream->bytes);
    *stream = (struct erg_plist_stream){0};
}

static void drop_taken(struct erg_plist_stream *stream)
{
    size_t rest = stream->bytes.len - stream->taken;
    if (stream->taken == 0)
        return;
    memmove(stream->bytes.data, stream->bytes.data + stream->taken, rest);
    stream->bytes.len = rest;
    stream->scanned -= stream->taken;
    stream->taken = 0;
}

int erg_plist_stream_feed(struct erg_plist_stream *stream, const char *bytes, size_t len)
{
    drop_taken(stream);
    if (stream->bytes.len + len > ERG_MAX_PLIST_BYTES) {
        stream->lost++;
        erg_buf_clear(&stream->bytes);
        stream->scanned = 0;
    }
    erg_buf_append(&stream->bytes, bytes, len);
    int rc = erg_buf_status(&stream->bytes);
    if (rc) {
        stream->lost++;
        erg_buf_clear(&stream->bytes);
        stream->scanned = 0;
    }
    return rc;
}

static bool is_blank(char c)
{
    return c == '\0' || c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* The last place of `word` in [from, to), or NULL. */
static const char *find_last(const char *from, const char *to, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = to - len; at >= from && (size_t)(to - from) >= len; at--) {
        if (memcmp(at, word, len) == 0)
            return at;
    }
    return NULL;
}

/*
 * The document that ends at `to` begins at the last heading before it: what stands in front is one
 * that was cut, or noise.
 */
static const char *beginning(struct erg_plist_stream *stream, const char *from, const char *to)
{
    const char *start = find_last(from, to, "<?xml");
    if (!start)
        start = find_last(from, to, "<plist");
    for (const char *at = start ? start : to; at > from; at--) {
        if (!is_blank(at[-1])) {
            stream->lost++;
            break;
        }
    }
    return start;
}

bool erg_plist_stream_next(struct erg_plist_stream *stream, const char **out_text, size_t *out_len)
{
    const char *data = stream->bytes.data;
    size_t at =
        stream->scanned > stream->taken + END_LEN ? stream->scanned - END_LEN : stream->taken;
    for (; at + END_LEN <= stream->bytes.len; at++) {
        const char *found = memchr(data + at, END_TAG[0], stream->bytes.len - END_LEN + 1 - at);
        if (!found)
            break;
        at = (size_t)(found - data);
        if (memcmp(found, END_TAG, END_LEN) != 0)
            continue;
        const char *start = beginning(stream, data + stream->taken, found);
        stream->taken = stream->scanned = at + END_LEN;
        if (!start)
            continue;
        *out_text = start;
        *out_len = (size_t)(found + END_LEN - start);
        return true;
    }
    stream->scanned = stream->bytes.len;
    return false;
}

/* --- what a document says --------------------------------------------------------------------- */

/* A day, and a petajoule in it: beyond that something is wrong, and sums stay in 64 bits. */
#define MAX_ELAPSED_NS (INT64_C(86400) * 1000000000)
#define MAX_ENERGY_NJ  1e15

/* Where an energy stands, in order of preference, and how many nanojoules its unit has. */
static const struct {
    enum erg_rail rail;
    const char *group, *key;
    double unit_nj;
} energies[] = {
    {ERG_RAIL_CPU, "processor", "cpu_energy", 1e6},
    {ERG_RAIL_GPU, "processor", "gpu_energy", 1e6},
    {ERG_RAIL_GPU, "gpu", "gpu_energy", 1e6},
    {ERG_RAIL_ANE, "processor", "ane_energy", 1e6},
    {ERG_RAIL_DRAM, "processor", "dram_energy", 1e6},
    {ERG_RAIL_PACKAGE, "processor", "package_energy", 1e6},
    {ERG_RAIL_PACKAGE, "processor", "package_joules", 1e9},
};

static void read_energies(const struct erg_plist *root, struct erg_powermetrics_sample *out)
{
    for (size_t i = 0; i < sizeof energies / sizeof energies[0]; i++) {
        const struct erg_plist *group = erg_plist_get(root, energies[i].group);
        double value;
        if (out->present >> energies[i].rail & 1 ||
            !erg_plist_number(erg_plist_get(group, energies[i].key), &value) || value < 0 ||
            value * energies[i].unit_nj > MAX_ENERGY_NJ)
            continue;
        out->nj[energies[i].rail] = (int64_t)llround(value * energies[i].unit_nj);
        out->present |= 1u << energies[i].rail;
    }
}

static void read_clusters(const struct erg_plist *root, struct erg_powermetrics_sample *out)
{
    const struct erg_plist *clusters = erg_plist_get(erg_plist_get(root, "processor"), "clusters");
    uint32_t count = erg_plist_count(clusters);
    for (uint32_t i = 0; i < count && out->cluster_count < ERG_MAX_CLUSTERS; i++) {
        const struct erg_plist *node = erg_plist_item(clusters, i);
        struct erg_cluster cluster = {.active_ratio = -1};
        double idle;
        if (!erg_plist_text(erg_plist_get(node, "name"), cluster.name, sizeof cluster.name))
            continue;
        if (!erg_plist_number(erg_plist_get(node, "freq_hz"), &cluster.frequency_hz) ||
            cluster.frequency_hz < 0)
            cluster.frequency_hz = 0;
        if (erg_plist_number(erg_plist_get(node, "idle_ratio"), &idle) && idle >= 0 && idle <= 1)
            cluster.active_ratio = 1 - idle;
        out->clusters[out->cluster_count++] = cluster;
    }
}

int erg_powermetrics_parse(const char *text, size_t len, struct erg_powermetrics_sample *out,
                           struct erg_err *err)
{
    struct erg_plist *root = NULL;
    struct erg_powermetrics_sample sample = {.is_delta = true};
    int rc = erg_plist_parse(text, len, &root, err);
    if (rc)
        return rc;
    erg_plist_bool(erg_plist_get(root, "is_delta"), &sample.is_delta);
    if (!erg_plist_integer(erg_plist_get(root, "elapsed_ns"), &sample.elapsed_ns) ||
        sample.elapsed_ns == 0 || (sample.is_delta && sample.elapsed_ns > MAX_ELAPSED_NS)) {
        erg_plist_free(root);
        return erg_fail(err, ERG_CORRUPT, "a document without its time ('elapsed_ns')");
    }
    read_energies(root, &sample);
    read_clusters(root, &sample);
    erg_plist_text(erg_plist_get(root, "hw_model"), sample.model, sizeof sample.model);
    erg_plist_text(erg_plist_get(root, "kern_osversion"), sample.system, sizeof sample.system);
    erg_plist_text(erg_plist_get(root, "thermal_pressure"), sample.thermal_pressure,
                   sizeof sample.thermal_pressure);
    erg_plist_free(root);
    *out = sample;
    return 0;
}
