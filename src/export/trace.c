/* SPDX-License-Identifier: MIT */
#include "export/trace.h"

#include "base/buf.h"
#include "export/out.h"
#include "export/trace_facts.h"
#include "export/trace_plan.h"
#include "export/trace_spans.h"
#include "store/cursor.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char unattributed[] = "unattributed";

struct walk {
    const struct erg_export_request *request;
    const struct erg_trace_writer *writer;
    struct erg_err *err;
    struct erg_trace_plan plan;
    struct erg_facts facts;
    struct erg_trace_spans spans;
    int64_t origin_ns;
    int64_t cursor_ns;     /* end of what the tree has so far */
    uint32_t phase;        /* open; ERG_PHASES = none */
    uint32_t wanted;       /* whose sections are looked at */
    struct erg_energy sum; /* of the leaves so far */
    struct erg_cursor *tokens;
    struct erg_token_row token; /* read ahead */
    bool has_token;
    struct erg_buf label;
    uint32_t section_tracks;
    struct {
        bool any;
        int64_t t_ns;
        double values[ERG_TRACE_ENERGIES];
    } sample; /* the last one */
};

void erg_trace_counter_name(uint32_t counter, char *out, size_t out_bytes)
{
    uint32_t which = counter % ERG_TRACE_ENERGIES;
    snprintf(out, out_bytes, "%s %s", counter < ERG_TRACE_ENERGIES ? "power" : "energy",
             which == ERG_TRACE_TOTAL ? "total" : erg_domain_name((enum erg_domain)which));
}

const char *erg_trace_counter_unit(uint32_t counter)
{
    return counter < ERG_TRACE_ENERGIES ? "mW" : "mJ";
}

const char *erg_trace_kind_name(enum erg_trace_kind kind)
{
    static const char *const names[] = {"run",       "phase",     "section", "pass",        "layer",
                                        "component", "operation", "token",   "unattributed"};
    return names[kind];
}

void erg_trace_domain_key(int domain, const char *unit, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%s_%s", erg_domain_name((enum erg_domain)domain), unit);
}

static int state(const struct walk *walk)
{
    int rc = walk->writer->status(walk->writer->user);
    if (rc == 0)
        rc = erg_buf_status(&walk->label);
    return rc ? erg_out_fail(walk->err, rc) : 0;
}

static void begin(const struct walk *walk, struct erg_trace_slice slice)
{
    slice.t0_ns += walk->origin_ns;
    slice.t1_ns += walk->origin_ns;
    walk->writer->begin(walk->writer->user, &slice);
}

static void end(const struct walk *walk, uint32_t track, int64_t t_ns)
{
    walk->writer->end(walk->writer->user, track, t_ns + walk->origin_ns);
}

/* Energy since t = 0, of the domains that the run knows. */
static void put_energies(const struct walk *walk)
{
    const struct erg_trace_writer *writer = walk->writer;
    uint32_t present = walk->plan.run.energy.present;
    for (uint32_t d = 0; d < ERG_DOMAINS; d++) {
        if (present >> d & 1)
            writer->counter(writer->user, ERG_TRACE_ENERGIES + d, walk->cursor_ns + walk->origin_ns,
                            (double)walk->sum.nj[d] / 1e6);
    }
    if (present)
        writer->counter(writer->user, ERG_TRACE_ENERGIES + ERG_TRACE_TOTAL,
                        walk->cursor_ns + walk->origin_ns,
                        (double)erg_energy_total_nj(&walk->sum) / 1e6);
}

/* The tree has come to `t_ns`, and this is what the way there took. */
static void advance(struct walk *walk, int64_t t_ns, const struct erg_energy *energy)
{
    walk->cursor_ns = t_ns;
    erg_energy_add(&walk->sum, energy);
    put_energies(walk);
}

static void put_rest(struct walk *walk, int64_t t_ns, const struct erg_energy *energy)
{
    begin(walk, (struct erg_trace_slice){.kind = ERG_TRACE_REST,
                                         .name = unattributed,
                                         .t0_ns = walk->cursor_ns,
                                         .t1_ns = t_ns,
                                         .energy = energy,
                                         .by_domain = true});
    end(walk, ERG_TRACE_TREE, t_ns);
    advance(walk, t_ns, energy);
}

/* What lies between here and the next child of `whole`. */
static void put_gap(struct walk *walk, struct erg_whole *whole, int64_t t_ns)
{
    if (t_ns <= walk->cursor_ns)
        return;
    struct erg_energy part = erg_whole_share(whole, t_ns - walk->cursor_ns);
    put_rest(walk, t_ns, &part);
}

static void close_whole(struct walk *walk, struct erg_whole *whole)
{
    put_gap(walk, whole, whole->t1_ns);
    struct erg_energy left = erg_whole_left(whole);
    if (!erg_energy_is_zero(&left))
        put_rest(walk, walk->cursor_ns, &left);
    end(walk, ERG_TRACE_TREE, walk->cursor_ns);
}

static void close_phase(struct walk *walk)
{
    if (walk->phase != ERG_PHASES)
        close_whole(walk, &walk->plan.phases[walk->phase]);
    walk->phase = ERG_PHASES;
}

/* A child of `phase` begins: the phase before it is over, and so is the gap in front of it. */
static void reach(struct walk *walk, uint32_t phase, int64_t t_ns)
{
    struct erg_whole *whole = &walk->plan.phases[phase];
    if (walk->phase == phase) {
        put_gap(walk, whole, t_ns);
        return;
    }
    close_phase(walk);
    put_gap(walk, &walk->plan.run, whole->t0_ns);
    begin(walk, (struct erg_trace_slice){.kind = ERG_TRACE_PHASE,
                                         .name = erg_phase_name(phase),
                                         .t0_ns = whole->t0_ns,
                                         .t1_ns = whole->t1_ns,
                                         .energy = &whole->energy,
                                         .by_domain = true});
    walk->phase = phase;
}

static int on_section(void *user, const struct erg_section_row *row)
{
    struct walk *walk = user;
    if (row->phase != walk->wanted)
        return 0;
    reach(walk, row->phase, row->t0_ns);
    begin(walk, (struct erg_trace_slice){.kind = ERG_TRACE_SECTION,
                                         .name = row->name,
                                         .t0_ns = row->t0_ns,
                                         .t1_ns = row->t1_ns,
                                         .energy = &row->energy,
                                         .by_domain = true});
    end(walk, ERG_TRACE_TREE, row->t1_ns);
    advance(walk, row->t1_ns, &row->energy);
    return state(walk);
}

/* --- passes and their tokens ------------------------------------------------------------------ */

static int next_token(struct walk *walk)
{
    int rc = erg_cursor_token(walk->tokens, &walk->token, walk->err);
    walk->has_token = rc == 1;
    return rc < 0 ? rc : 0;
}

/* The tokens of a pass are evaluated together; their shares are shown side by side, from `t0_ns`.
 */
static void put_token(struct walk *walk, int64_t t0_ns)
{
    const struct erg_token_row *row = &walk->token;
    const struct erg_trace_arg args[] = {
        {"index", NULL, 0, row->index},
        {"position", NULL, 0, row->position},
        {"token", NULL, 0, row->id},
        {"text", row->text, row->text_len, 0},
    };
    erg_buf_clear(&walk->label);
    erg_trace_label(row->text, row->text_len, &walk->label);
    if (row->text_len == 0)
        erg_buf_printf(&walk->label, "token %d", (int)row->id);
    begin(walk, (struct erg_trace_slice){.track = ERG_TRACE_TOKENS,
                                         .kind = ERG_TRACE_TOKEN,
                                         .name = erg_buf_view(&walk->label),
                                         .t0_ns = t0_ns,
                                         .t1_ns = t0_ns + row->duration_ns,
                                         .energy = &row->energy,
                                         .by_domain = true,
                                         .args = args,
                                         .n_args = sizeof args / sizeof args[0]});
    end(walk, ERG_TRACE_TOKENS, t0_ns + row->duration_ns);
}

static int put_tokens(struct walk *walk, const struct erg_pass_row *pass)
{
    int64_t t_ns = pass->t0_ns;
    int rc = 0;
    while (rc == 0 && walk->has_token && walk->token.pass <= pass->index) {
        if (walk->token.pass == pass->index) {
            put_token(walk, t_ns);
            t_ns += walk->token.duration_ns;
        }
        rc = state(walk);
        if (rc == 0)
            rc = next_token(walk);
    }
    return rc;
}

static int on_pass(void *user, const struct erg_pass_row *row)
{
    struct walk *walk = user;
    const struct erg_trace_arg args[] = {
        {"pass", NULL, 0, row->index},
        {"position", NULL, 0, row->position},
        {"tokens", NULL, 0, row->n_tokens},
    };
    reach(walk, row->phase, row->t0_ns);
    begin(walk, (struct erg_trace_slice){.kind = ERG_TRACE_PASS,
                                         .name = row->phase == ERG_PHASE_PREFILL ? "prefill chunk"
                                                                                 : "decode step",
                                         .t0_ns = row->t0_ns,
                                         .t1_ns = row->t1_ns,
                                         .energy = &row->energy,
                                         .by_domain = true,
                                         .args = args,
                                         .n_args = sizeof args / sizeof args[0]});
    int rc = erg_trace_spans_put(&walk->spans, row, walk->err);
    if (rc)
        return rc;
    end(walk, ERG_TRACE_TREE, row->t1_ns);
    advance(walk, row->t1_ns, &row->energy);
    rc = put_tokens(walk, row);
    return rc ? rc : state(walk);
}

/* --- what lies beside the tree ---------------------------------------------------------------- */

/* In prefill and decode a section is the sum of spans that others interrupt. */
static int on_scattered(void *user, const struct erg_section_row *row)
{
    struct walk *walk = user;
    if (row->phase != ERG_PHASE_PREFILL && row->phase != ERG_PHASE_DECODE)
        return 0;
    uint32_t track = ERG_TRACE_SECTIONS + walk->section_tracks++;
    const struct erg_trace_arg busy = {"busy_ns", NULL, 0, row->duration_ns};
    erg_buf_clear(&walk->label);
    erg_buf_printf(&walk->label, "%s: %s", erg_phase_name(row->phase), row->name);
    walk->writer->track(walk->writer->user, track, erg_buf_view(&walk->label));
    begin(walk, (struct erg_trace_slice){.track = track,
                                         .kind = ERG_TRACE_SECTION,
                                         .name = row->name,
                                         .t0_ns = row->t0_ns,
                                         .t1_ns = row->t1_ns,
                                         .energy = &row->energy,
                                         .by_domain = true,
                                         .args = &busy,
                                         .n_args = 1});
    end(walk, track, row->t1_ns);
    return state(walk);
}

static void put_powers(const struct walk *walk, int64_t t_ns)
{
    for (uint32_t i = 0; i < ERG_TRACE_ENERGIES; i++) {
        if (!isnan(walk->sample.values[i]))
            walk->writer->counter(walk->writer->user, i, t_ns + walk->origin_ns,
                                  walk->sample.values[i]);
    }
}

/* A sample is the average since the one before: its value holds from there on. */
static int on_sample(void *user, const struct erg_sample_row *row)
{
    struct walk *walk = user;
    int64_t from_ns =
        walk->sample.any ? walk->sample.t_ns : row->t_ns - erg_trace_interval_ns(&walk->facts);
    memcpy(walk->sample.values, row->mw, sizeof row->mw);
    walk->sample.values[ERG_TRACE_TOTAL] = row->total_mw;
    walk->sample.any = true;
    walk->sample.t_ns = row->t_ns;
    put_powers(walk, from_ns);
    return state(walk);
}

static int on_first_sample(void *user, const struct erg_sample_row *row)
{
    struct walk *walk = user;
    int64_t from_ns = row->t_ns - erg_trace_interval_ns(&walk->facts);
    walk->origin_ns = from_ns < 0 ? -from_ns : 0;
    return 1;
}

static int walk_beside(struct walk *walk)
{
    const struct erg_export_request *request = walk->request;
    int rc = erg_store_sections(request->store, request->run_id, on_scattered, walk, walk->err);
    if (rc == 0)
        rc = erg_store_samples(request->store, request->run_id, on_sample, walk, walk->err);
    if (rc == 0 && walk->sample.any)
        put_powers(walk, walk->sample.t_ns); /* where the last one ends */
    return rc;
}

static int walk_sections(struct walk *walk, uint32_t phase)
{
    walk->wanted = phase;
    return erg_store_sections(walk->request->store, walk->request->run_id, on_section, walk,
                              walk->err);
}

static void open_run(struct walk *walk)
{
    struct erg_trace_arg args[ERG_TRACE_FACTS + 1];
    size_t n = erg_trace_facts(walk->request, &walk->facts, args);
    args[n++] = (struct erg_trace_arg){"origin_ns", NULL, 0, walk->origin_ns};
    erg_buf_clear(&walk->label);
    erg_buf_printf(&walk->label, "run %s", walk->request->run_id);
    walk->writer->start(walk->writer->user);
    begin(walk, (struct erg_trace_slice){.kind = ERG_TRACE_RUN,
                                         .name = erg_buf_view(&walk->label),
                                         .t1_ns = walk->plan.run.t1_ns,
                                         .energy = &walk->plan.run.energy,
                                         .by_domain = true,
                                         .args = args,
                                         .n_args = n});
    walk->sum.present = walk->plan.run.energy.present;
    put_energies(walk);
}

static int walk_tree(struct walk *walk)
{
    const struct erg_export_request *request = walk->request;
    open_run(walk);
    int rc = state(walk);
    if (rc == 0)
        rc = walk_sections(walk, ERG_PHASE_PRE_INFERENCE);
    if (rc == 0)
        rc = next_token(walk);
    if (rc == 0)
        rc = erg_store_passes(request->store, request->run_id, true, on_pass, walk, walk->err);
    if (rc == 0)
        rc = walk_sections(walk, ERG_PHASE_POST_INFERENCE);
    if (rc)
        return rc;
    close_phase(walk);
    close_whole(walk, &walk->plan.run);
    return state(walk);
}

static int walk_all(struct walk *walk)
{
    const struct erg_export_request *request = walk->request;
    int rc = erg_trace_plan_make(&walk->plan, request, &walk->facts, walk->err);
    if (rc == 0)
        rc = erg_store_samples(request->store, request->run_id, on_first_sample, walk, walk->err);
    if (rc)
        return rc;
    walk->spans = (struct erg_trace_spans){walk->writer, request->store, walk->origin_ns};
    rc = walk_tree(walk);
    return rc ? rc : walk_beside(walk);
}

int erg_trace_walk(const struct erg_export_request *request, const struct erg_trace_writer *writer,
                   struct erg_err *err)
{
    struct walk walk = {.request = request, .writer = writer, .err = err, .phase = ERG_PHASES};
    erg_buf_init(&walk.label);
    int rc = erg_facts_load(&walk.facts, request, err);
    if (rc)
        return rc;
    rc = erg_cursor_open(&walk.tokens, request->store, request->run_id, ERG_CURSOR_TOKENS, err);
    if (rc == 0)
        rc = walk_all(&walk);
    erg_cursor_close(walk.tokens);
    erg_facts_deinit(&walk.facts);
    erg_buf_deinit(&walk.label);
    return rc;
}
