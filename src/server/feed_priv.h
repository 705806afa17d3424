/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_FEED_PRIV_H
#define ERG_SERVER_FEED_PRIV_H

#include "server/feed.h"
#include "server/pass_copy.h"

/* Inside of the feed: feed.c observes, feed_sections.c and feed_state.c write. */

enum { ERG_FEED_SAMPLES = 1024, ERG_FEED_SECTIONS = 64, ERG_FEED_WARNINGS = 16 };

/* A section of prefill or decode: it begins with its first span and ends with its phase. */
struct erg_feed_section {
    char name[40];
    bool ended;
    struct erg_section_row row;
};

/* What progress says. */
struct erg_feed_progress {
    bool dirty;
    int64_t phase; /* -1 = none yet */
    char section[40];
    int64_t layer; /* INT64_MIN = not known */
    uint32_t done, total;
    struct erg_energy energy;
    int64_t output_tokens, decode_ns;
    double power_mw;
    char *warnings[ERG_FEED_WARNINGS];
    size_t warning_count;
};

struct erg_feed {
    struct erg_ring *ring;
    const struct erg_clock *clock;
    struct erg_feed_run run;
    _Atomic(const char *) stage;
    _Atomic int64_t tokens;
    struct erg_sensors sensors;

    struct erg_buf json;
    struct erg_jsonw w;
    int64_t latest_ns; /* position of the newest row */
    int64_t last_flush_ns;

    struct erg_sample_row samples[ERG_FEED_SAMPLES];
    size_t sample_count;
    struct erg_pass_copy pass;
    bool pass_is_new;    /* not shown yet … */
    int64_t pass_token;  /* … and this is its first token; -1 = none has come */
    uint32_t pass_index; /* of the pass that was told last */
    uint32_t phase;      /* of the latest pass, or of a section behind it */
    bool phase_known;    /* there was one */
    struct erg_feed_section sections[ERG_FEED_SECTIONS];
    size_t section_count;
    struct erg_feed_progress progress;
};

/* feed.c: begin a frame in feed->w, and put it into the ring. A row reaches to `t_ns`. */
struct erg_jsonw *erg_feed_frame(struct erg_feed *feed, const char *type, int64_t t_ns);
void erg_feed_put(struct erg_feed *feed, enum erg_frame_kind kind);
void erg_feed_reach(struct erg_feed *feed, int64_t t_ns);

/* feed_sections.c: those of the first pass of a phase begin; those of phases before `phase` end.
 * What an observer is told of sections. */
void erg_feed_start_sections(struct erg_feed *feed, const struct erg_extra_source *pass);
void erg_feed_end_sections(struct erg_feed *feed, uint32_t phase);
void erg_feed_enter_phase(struct erg_feed *feed, uint32_t phase);
void erg_feed_on_section_begins(void *user, uint32_t phase, const char *name, int64_t t_ns);
void erg_feed_on_section(void *user, const struct erg_section_row *row);

/* feed_state.c: what there is new of samples, metrics and progress. */
void erg_feed_put_samples(struct erg_feed *feed);
void erg_feed_put_progress(struct erg_feed *feed);
void erg_feed_flush(struct erg_feed *feed);

#endif
