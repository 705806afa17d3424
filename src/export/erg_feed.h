/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_ERG_FEED_H
#define ERG_EXPORT_ERG_FEED_H

#include "base/buf.h"
#include "export/erg_plan.h"

/*
 * The power readings of a recording that is made from stored rows: EDGE readings say what items
 * cost, GRID readings give the power samples. A sample whose energy agrees with the edges around it
 * is read where it was taken, as by a recorder. Where it does not (sensors are read a little before
 * the time that is shown, several devices share a domain), its reading is dated so that the energy
 * curve has a point at that time already and is not changed; only the sample then comes of it.
 *
 * Powers are quotients of integers; if some sample's power is none of its interval, all samples are
 * written before the first item, each behind a reading that opens an interval which does give it.
 */
struct erg_reading_feed_domain {
    int64_t edge_nj;            /* E at the last edge */
    int64_t ceiling_nj;         /* E at the next one */
    int64_t floor_nj;           /* last reading */
    int64_t state_ns, state_nj; /* last sample */
    int64_t passed_ns[ERG_GAPS], given_nj[ERG_GAPS];
};

struct erg_reading_feed {
    const struct erg_plan *plan;
    struct erg_buf *buf;
    struct erg_reading_feed_domain domains[ERG_DOMAINS];
    int64_t edge_ns;  /* last edge */
    int64_t known_ns; /* last one at which every domain of its item was read */
    uint32_t last_present;
};

/* The POWER record. */
void erg_reading_feed_power(struct erg_reading_feed *feed);

/* Readings before t = 0: where the curves start, loading, idle baseline. */
void erg_reading_feed_begin(struct erg_reading_feed *feed);

/* The next item begins after a gap of that kind (ERG_GAPS: at once). Sets the ceilings. */
void erg_reading_feed_gap(struct erg_reading_feed *feed, uint32_t present, uint32_t gap,
                          int64_t length_ns);
/* Readings at its start; then its energy is the ceiling. */
void erg_reading_feed_item_begin(struct erg_reading_feed *feed, int64_t t0_ns,
                                 const struct erg_energy *energy);
void erg_reading_feed_item_end(struct erg_reading_feed *feed, int64_t t0_ns, int64_t t1_ns);
/* Nothing follows. */
void erg_reading_feed_last(struct erg_reading_feed *feed);

void erg_reading_feed_sample(struct erg_reading_feed *feed, const struct erg_sample_row *row);

#endif
