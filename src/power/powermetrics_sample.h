/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_POWERMETRICS_SAMPLE_H
#define ERG_POWER_POWERMETRICS_SAMPLE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * powermetrics -f plist: the documents of its stream and what one says. The documents are XML
 * property lists with a NUL byte between them; one is complete with its `</plist>`, as the NUL
 * behind it comes only with the next.
 */
enum { ERG_MAX_PLIST_BYTES = 4 << 20 };

struct erg_plist_stream {
    struct erg_buf bytes; /* of the document under way */
    size_t taken;         /* bytes at the front that have been given out or dropped */
    size_t scanned;       /* bytes in which there is no end of a document */
    uint64_t lost;        /* documents that were cut or too long */
};

void erg_plist_stream_init(struct erg_plist_stream *stream);
void erg_plist_stream_deinit(struct erg_plist_stream *stream);

/* Take bytes, cut anywhere. NOMEM. What erg_plist_stream_next() gave is gone. */
int erg_plist_stream_feed(struct erg_plist_stream *stream, const char *bytes, size_t len);

/* The next complete document, borrowed until bytes are fed; false when there is none yet. */
bool erg_plist_stream_next(struct erg_plist_stream *stream, const char **out_text, size_t *out_len);

/* Energies that powermetrics may report. The package contains the others where they are there. */
enum erg_rail {
    ERG_RAIL_CPU,
    ERG_RAIL_GPU,
    ERG_RAIL_ANE,
    ERG_RAIL_DRAM,    /* until macOS 12 */
    ERG_RAIL_PACKAGE, /* until macOS 12, and Intel */
    ERG_RAILS,
};

enum { ERG_MAX_CLUSTERS = 16 };

struct erg_cluster {
    char name[24];
    double frequency_hz; /* 0 = not reported */
    double active_ratio; /* < 0 = not reported */
};

struct erg_powermetrics_sample {
    bool is_delta; /* false: counted since the machine started, of no use here */
    int64_t elapsed_ns;
    uint32_t present; /* bit per rail */
    int64_t nj[ERG_RAILS];
    char model[48], system[24]; /* "MacBookPro18,3", "23H311"; "" = not reported */
    char thermal_pressure[16];  /* "Nominal"; "" = not reported */
    struct erg_cluster clusters[ERG_MAX_CLUSTERS];
    uint32_t cluster_count;
};

/* CORRUPT for what is no document of powermetrics, or one without a sensible time. */
int erg_powermetrics_parse(const char *text, size_t len, struct erg_powermetrics_sample *out,
                           struct erg_err *err);

#endif
