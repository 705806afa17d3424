/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_DEPTH_H
#define ERG_ENGINE_DEPTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much is taken of a pass; each takes all that those before it take. */
enum erg_depth {
    ERG_DEPTH_BARE,     /* its duration: the callbacks do nothing */
    ERG_DEPTH_TRACED,   /* the time of its nodes */
    ERG_DEPTH_STANDARD, /* statistics of the components' results */
    ERG_DEPTH_DEEP,     /* and of every operation, attention and routing; spans are operations */
};

/*
 * How much is taken of each generated token (docs/overhead.md): the depth of the mode, less for
 * the tokens that are left out by sampling or a budget, and nearly nothing for those that the
 * others are compared with. Pure, and the same for the same seed and measurements; where tokens
 * for comparison lie is random within each block, so that nothing periodic meets them always.
 *
 * A token for comparison keeps its operation times where tracing is free: where what it costs
 * directly (the stamps and the report behind the pass) is below ERG_FREE_RATIO of a token.
 */
#define ERG_FREE_RATIO 0.002

enum { ERG_DEPTH_WINDOW = 15 };

struct erg_depth_options {
    enum erg_depth depth; /* of the mode */
    bool traces;          /* stamps come without cutting the graph */
    int sample_every;     /* one of so many tokens is taken at `depth`; ≥ 1 */
    int bare_every;       /* about one of so many is for comparison; 0 = none */
    double budget_ratio;  /* the slowdown of all generated tokens is to stay below; 0 = none */
    double stamp_ns;      /* what a time stamp costs, until that was measured in passes */
    uint64_t seed;
};

/* The latest values of something that is measured again and again. */
struct erg_depth_window {
    double values[ERG_DEPTH_WINDOW];
    unsigned count, next;
};

struct erg_depth_control {
    struct erg_depth_options options;
    uint64_t random;
    int token;                  /* number of the next generated one */
    int bare_at, bare_left;     /* of this block: the token for comparison; tokens to come */
    int sample_at, sample_left; /* the same for the one in depth */
    struct erg_depth_window interval[ERG_DEPTH_DEEP + 1], report[ERG_DEPTH_DEEP + 1];
    double stamps; /* of the latest traced pass */
    struct erg_depth_window stamp;
    double spent_ns; /* budget: by profiling so far */
    double base_ns;  /* budget: time the tokens so far would have taken bare */
    double patience; /* budget: how much more than needed is saved up for the next in depth */
    unsigned long count[ERG_DEPTH_DEEP + 1];
};

struct erg_depth_choice {
    enum erg_depth depth;
    bool bare; /* for comparison */
};

/* What taking a token has cost. */
struct erg_depth_cost {
    enum erg_depth depth;
    int64_t interval_ns; /* from its start to that of the next */
    int64_t report_ns;   /* from the end of its pass to where the next could begin */
    size_t stamps;
    double stamp_ns; /* what each of them has cost; NaN = as the options say */
    bool reused;     /* its graph was that of the pass before */
};

void erg_depth_init(struct erg_depth_control *control, const struct erg_depth_options *options);

/* The next generated token. */
struct erg_depth_choice erg_depth_next(struct erg_depth_control *control);

/* Tell of a generated token, in their order. */
void erg_depth_took(struct erg_depth_control *control, const struct erg_depth_cost *cost);

/* What a time stamp costs. */
double erg_depth_stamp_ns(const struct erg_depth_control *control);

/* Stamps and report of a traced token over its time; NaN when none was taken. */
double erg_depth_tracing_ratio(const struct erg_depth_control *control);

#endif
