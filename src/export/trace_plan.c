/* SPDX-License-Identifier: MIT */
#include "export/trace_plan.h"

#include "energy/wide.h"

struct scan {
    struct erg_trace_plan *plan;
    struct erg_energy children[ERG_PHASES];
    int64_t busy_ns[ERG_PHASES];
};

bool erg_energy_is_zero(const struct erg_energy *energy)
{
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if ((energy->present >> d & 1) && energy->nj[d])
            return false;
    }
    return true;
}

static void note_item(struct scan *scan, uint32_t phase, int64_t t0_ns, int64_t t1_ns,
                      const struct erg_energy *energy)
{
    struct erg_whole *whole = &scan->plan->phases[phase];
    if (!whole->seen || t0_ns < whole->t0_ns)
        whole->t0_ns = t0_ns;
    if (!whole->seen || t1_ns > whole->t1_ns)
        whole->t1_ns = t1_ns;
    whole->seen = true;
    scan->busy_ns[phase] += t1_ns - t0_ns;
    erg_energy_add(&scan->children[phase], energy);
}

static int on_section(void *user, const struct erg_section_row *row)
{
    if (row->phase == ERG_PHASE_PRE_INFERENCE || row->phase == ERG_PHASE_POST_INFERENCE)
        note_item(user, row->phase, row->t0_ns, row->t1_ns, &row->energy);
    return 0;
}

static int on_pass(void *user, const struct erg_pass_row *row)
{
    note_item(user, row->phase, row->t0_ns, row->t1_ns, &row->energy);
    return 0;
}

/* What is known of a whole, else what its children make; and what they leave of it. */
static void settle(struct erg_whole *whole, const struct erg_energy *known,
                   const struct erg_energy *children, int64_t busy_ns)
{
    whole->energy = known->present ? *known : *children;
    whole->rest = erg_energy_sub(&whole->energy, children);
    whole->gap_ns = whole->t1_ns - whole->t0_ns - busy_ns;
}

int erg_trace_plan_make(struct erg_trace_plan *out, const struct erg_export_request *request,
                        const struct erg_facts *facts, struct erg_err *err)
{
    struct scan scan = {.plan = out};
    struct erg_energy sum = {0};
    int64_t busy_ns = 0;
    *out = (struct erg_trace_plan){.run = {.seen = true, .t1_ns = facts->duration_ns}};
    int rc = erg_store_sections(request->store, request->run_id, on_section, &scan, err);
    if (rc == 0)
        rc = erg_store_passes(request->store, request->run_id, false, on_pass, &scan, err);
    if (rc)
        return rc;
    for (int p = 0; p < ERG_PHASES; p++) {
        struct erg_whole *phase = &out->phases[p];
        if (!phase->seen)
            continue;
        settle(phase, &facts->phases[p].energy, &scan.children[p], scan.busy_ns[p]);
        erg_energy_add(&sum, &phase->energy);
        busy_ns += phase->t1_ns - phase->t0_ns;
        if (phase->t1_ns > out->run.t1_ns)
            out->run.t1_ns = phase->t1_ns;
    }
    settle(&out->run, &facts->energy, &sum, busy_ns);
    return 0;
}

static int64_t share(int64_t nj, int64_t passed_ns, int64_t gap_ns)
{
    if (passed_ns >= gap_ns)
        return nj;
    if (nj <= 0 || passed_ns <= 0)
        return 0;
    return (int64_t)((erg_u128)(uint64_t)nj * (uint64_t)passed_ns / (uint64_t)gap_ns);
}

struct erg_energy erg_whole_share(struct erg_whole *whole, int64_t length_ns)
{
    struct erg_energy part = {.present = whole->rest.present};
    whole->passed_ns += length_ns;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!(part.present >> d & 1))
            continue;
        int64_t upto = share(whole->rest.nj[d], whole->passed_ns, whole->gap_ns);
        part.nj[d] = upto - whole->given.nj[d];
        whole->given.nj[d] = upto;
    }
    whole->given.present = part.present;
    return part;
}

struct erg_energy erg_whole_left(const struct erg_whole *whole)
{
    return erg_energy_sub(&whole->rest, &whole->given);
}
