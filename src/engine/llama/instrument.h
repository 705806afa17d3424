/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_INSTRUMENT_H
#define ERG_ENGINE_INSTRUMENT_H

#include "base/err.h"
#include "engine/llama/depth.h"
#include "ergon/probe.h"

#include <ggml.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How a pass is timed (docs/engine.md).
 *
 *   trace    the evaluation callback keeps the list of nodes; the abort callback, called on
 *            thread 0 after each executed node, takes the stamps. Without statistics the graph is
 *            never cut. CPU only, costs next to nothing.
 *   observe  the evaluation callback cuts the graph where a component ends. Any back end; costs a
 *            synchronisation per cut.
 *   none     no callbacks: a pass has its sampling span and is otherwise unattributed.
 *
 * An instrument belongs to one context and one thread. It allocates only while graphs are new.
 */
enum erg_instrument_kind { ERG_INSTRUMENT_TRACE, ERG_INSTRUMENT_OBSERVE, ERG_INSTRUMENT_NONE };

struct erg_instrument_options {
    enum erg_instrument_kind kind;
    enum erg_depth depth;      /* the most that any pass of the run is taken at */
    int threads;               /* the most that compute a pass */
    bool keep_fusion;          /* observe: never cut inside a pattern that GPU back ends fuse */
    double sparsity_threshold; /* of |x| that counts as zero */
    double attention_sparsity_threshold; /* of an attention weight that counts as none */
    const bool *layers; /* borrowed: [layer_count], of which statistics are taken; NULL = all */
    int layer_count;
    const char *dump_path;    /* write the nodes of each new graph there, for tests; NULL = don't */
    const char *dump_tensors; /* observe: cut at every node and write its tensor there; or NULL */
    /* Called at most ten times a second during a pass; true stops it. */
    bool (*on_tick)(void *user, int64_t now_ns, int layer, uint32_t node, uint32_t nodes);
    void *user;
};

/* A pass as the decoding loop sees it. */
struct erg_pass_times {
    int64_t t0_ns;       /* entry of llama_decode */
    int64_t returned_ns; /* its result is there */
    int64_t t1_ns;       /* the next token is sampled; = returned_ns when none is */
    enum ergon_phase phase;
    uint32_t n_tokens, position;
    bool reused; /* libllama reused the graph of the pass before */
    bool bare;   /* taken without statistics only to compare with: marked */
};

struct erg_instrument;

int erg_instrument_new(ergon_probe *probe, const struct erg_instrument_options *options,
                       struct erg_instrument **out, struct erg_err *err);
void erg_instrument_free(struct erg_instrument *instrument);

/* The callbacks for llama_context_params, NULL where this kind needs none; `user` of both is the
 * instrument. */
typedef bool (*erg_eval_callback)(struct ggml_tensor *node, bool ask, void *user);
erg_eval_callback erg_instrument_eval(const struct erg_instrument *instrument);
ggml_abort_callback erg_instrument_abort(const struct erg_instrument *instrument);

/* Call right before llama_decode(). `depth` is at most that of the options. */
void erg_instrument_begin(struct erg_instrument *instrument, int64_t t0_ns, enum erg_depth depth);

/* Report the pass to the probe. Call after its t1: it may classify a new graph. */
void erg_instrument_end(struct erg_instrument *instrument, const struct erg_pass_times *times);

/* Time stamps taken in the latest pass, and what one of them cost; NaN where that is not known. */
size_t erg_instrument_stamps(const struct erg_instrument *instrument);
double erg_instrument_stamp_ns(const struct erg_instrument *instrument);

#endif
