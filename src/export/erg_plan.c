/* SPDX-License-Identifier: MIT */
#include "export/erg_plan.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define MARGIN_NS INT64_C(1000000)

static const char simulated[] = "energies come from a simulated source, not from this machine";

struct scan {
    struct erg_plan *plan;
    uint32_t phase; /* of the sections that are wanted */
};

/* A window of that length and grade was seen with these domains. */
static void note_grade(struct erg_plan *plan, uint32_t present, int64_t length_ns,
                       enum erg_grade grade)
{
    for (int d = 0; d < ERG_DOMAINS; d++) {
        struct erg_domain_plan *domain = &plan->domains[d];
        if (!(present >> d & 1))
            continue;
        domain->estimated |= grade == ERG_GRADE_ESTIMATED;
        domain->exact_grade |= grade < ERG_GRADE_ATTRIBUTED;
        if (grade == ERG_GRADE_MEASURED && length_ns < domain->measured_ns)
            domain->measured_ns = length_ns;
        if (grade == ERG_GRADE_INTERPOLATED && length_ns > domain->not_measured_ns)
            domain->not_measured_ns = length_ns;
    }
}

static void note_domain(struct erg_plan *plan, int d, uint32_t phase, int64_t t0_ns, int64_t t1_ns,
                        int64_t nj)
{
    struct erg_domain_plan *domain = &plan->domains[d];
    bool joined = plan->any && plan->last_present >> d & 1;
    if (!domain->used) {
        domain->start_ns = t0_ns;
        domain->first_t1_ns = t1_ns;
    } else if (!joined) {
        domain->hole_ns += t0_ns - domain->end_ns;
    } else if (t0_ns > plan->last_t1_ns) {
        domain->gap_ns[phase == plan->phase ? phase : ERG_GAP_OF_RUN] += t0_ns - plan->last_t1_ns;
    }
    domain->used = true;
    domain->last_t0_ns = t0_ns;
    domain->end_ns = t1_ns;
    domain->children_nj[phase] += nj;
}

static void note_item(struct erg_plan *plan, uint32_t phase, int64_t t0_ns, int64_t t1_ns,
                      const struct erg_energy *energy, enum erg_grade grade)
{
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (energy->present >> d & 1)
            note_domain(plan, d, phase, t0_ns, t1_ns, energy->nj[d]);
    }
    note_grade(plan, energy->present, t1_ns - t0_ns, grade);
    plan->any = true;
    plan->phase = phase;
    plan->last_t1_ns = t1_ns;
    plan->last_present = energy->present;
}

static int on_section(void *user, const struct erg_section_row *row)
{
    struct scan *scan = user;
    if (row->phase == scan->phase)
        note_item(scan->plan, row->phase, row->t0_ns, row->t1_ns, &row->energy, row->grade);
    return 0;
}

static int on_pass(void *user, const struct erg_pass_row *row)
{
    struct scan *scan = user;
    note_item(scan->plan, row->phase, row->t0_ns, row->t1_ns, &row->energy, row->grade);
    return 0;
}

/* Where the loading of the model must lie, so that samples keep their phase. */
static void note_phase(struct erg_plan *plan, const struct erg_sample_row *row)
{
    bool any = plan->loading_first_ns != INT64_MAX;
    if (row->phase == ERG_SAMPLE_LOADING) {
        if (!any)
            plan->loading_first_ns = row->t_ns;
        plan->loading_last_ns = row->t_ns;
    } else if (row->phase == ERG_SAMPLE_IDLE && !any) {
        plan->idle_before_ns = row->t_ns;
    } else if (row->phase == ERG_SAMPLE_IDLE && plan->idle_after_ns == INT64_MAX) {
        plan->idle_after_ns = row->t_ns;
    }
}

/* The reading before the first sample: one interval earlier, if that gives the sample's power. */
static void prime(const struct erg_plan *plan, struct erg_domain_plan *domain, int64_t t_ns,
                  double mw)
{
    int64_t dt_ns = plan->interval_ns > 0 ? plan->interval_ns : 1, other_ns, nj;
    if (!erg_ratio_used(mw, dt_ns, &nj) && erg_ratio_find(mw, 1, &other_ns, &nj))
        dt_ns = other_ns;
    domain->sampled = true;
    domain->prime_ns = domain->state_ns = t_ns - dt_ns;
}

static int on_sample(void *user, const struct erg_sample_row *row)
{
    struct scan *scan = user;
    struct erg_plan *plan = scan->plan;
    note_phase(plan, row);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        struct erg_domain_plan *domain = &plan->domains[d];
        int64_t nj;
        if (isnan(row->mw[d]))
            continue;
        if (!domain->sampled)
            prime(plan, domain, row->t_ns, row->mw[d]);
        int64_t dt_ns = row->t_ns - domain->state_ns;
        if (dt_ns <= 0 || !erg_ratio_used(row->mw[d], dt_ns, &nj)) {
            plan->upfront = true;
            nj = 0;
        }
        if (domain->state_ns <= 0 && row->t_ns > 0)
            domain->chain_at_zero_nj =
                domain->chain_nj +
                (int64_t)((double)nj * ((double)-domain->state_ns / (double)dt_ns));
        domain->chain_nj += nj;
        if (row->t_ns <= 0)
            domain->chain_at_zero_nj = domain->chain_nj;
        domain->state_ns = row->t_ns;
        if (domain->prime_ns < plan->first_ns)
            plan->first_ns = domain->prime_ns;
    }
    return 0;
}

static int on_host(void *user, const struct erg_host_row *row)
{
    struct scan *scan = user;
    if (row->t_ns < scan->plan->first_ns)
        scan->plan->first_ns = row->t_ns;
    return 0;
}

static int scan_rows(struct erg_plan *plan, const struct erg_export_request *request,
                     struct erg_err *err)
{
    struct erg_store *store = request->store;
    struct scan scan = {plan, ERG_PHASE_PRE_INFERENCE};
    int rc = erg_store_sections(store, request->run_id, on_section, &scan, err);
    if (rc == 0)
        rc = erg_store_passes(store, request->run_id, false, on_pass, &scan, err);
    scan.phase = ERG_PHASE_POST_INFERENCE;
    if (rc == 0)
        rc = erg_store_sections(store, request->run_id, on_section, &scan, err);
    if (rc == 0)
        rc = erg_store_samples(store, request->run_id, on_sample, &scan, err);
    if (rc == 0)
        rc = erg_store_host(store, request->run_id, on_host, &scan, err);
    return rc;
}

static const json_t *summary_of(const struct erg_plan *plan)
{
    return plan->facts->summary;
}

/* What the phases and the run have beside their parts. */
static void find_rests(struct erg_plan *plan)
{
    const struct erg_facts *facts = plan->facts;
    const json_t *power = json_object_get(facts->summary, "power");
    const char *grade = json_string_value(json_object_get(power, "grade"));
    for (int d = 0; d < ERG_DOMAINS; d++) {
        struct erg_domain_plan *domain = &plan->domains[d];
        int64_t of_phases = 0;
        for (uint32_t p = 0; p < ERG_PHASES; p++) {
            domain->rest_nj[p] = facts->phases[p].energy.nj[d] - domain->children_nj[p];
            of_phases += facts->phases[p].energy.nj[d];
        }
        domain->rest_nj[ERG_GAP_OF_RUN] = facts->energy.nj[d] - of_phases;
    }
    for (uint32_t p = 0; p < ERG_PHASES; p++) {
        const struct erg_phase_total *phase = &facts->phases[p];
        note_grade(plan, phase->energy.present, phase->duration_ns, phase->grade);
    }
    if (grade && erg_grade_find(grade) >= 0)
        note_grade(plan, facts->energy.present, facts->duration_ns,
                   (enum erg_grade)erg_grade_find(grade));
}

/* An update period with which every window gets the grade it has. */
static void find_periods(struct erg_plan *plan)
{
    for (int d = 0; d < ERG_DOMAINS; d++) {
        struct erg_domain_plan *domain = &plan->domains[d];
        bool interpolated = domain->not_measured_ns >= 0;
        if (domain->measured_ns == INT64_MAX)
            domain->period_ns = interpolated ? domain->not_measured_ns / 10 + 1 : plan->interval_ns;
        else
            domain->period_ns = domain->measured_ns / 10;
        if (plan->synthetic && !interpolated)
            domain->period_ns = 0;
        domain->estimated &= !domain->exact_grade;
    }
}

static int64_t covered_ns(const struct erg_domain_plan *domain)
{
    return domain->end_ns - domain->start_ns - domain->hole_ns;
}

static double coverage_with(const struct erg_plan *plan, uint32_t channels)
{
    double length = (double)plan->facts->duration_ns, ratio = 0;
    uint32_t used = 0;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!plan->domains[d].used)
            continue;
        ratio += (double)covered_ns(&plan->domains[d]) / length / channels;
        used++;
    }
    for (; used < channels; used++)
        ratio += 1.0 / channels;
    return ratio < 1 ? ratio : 1;
}

/* Cut `by_ns` off what the readings cover, inside the domain's last item or its first one. */
static bool trim(struct erg_domain_plan *domain, bool at_end, int64_t by_ns)
{
    if (at_end && by_ns < domain->end_ns - domain->last_t0_ns)
        domain->end_ns -= by_ns;
    else if (!at_end && by_ns < domain->first_t1_ns - domain->start_ns)
        domain->start_ns += by_ns;
    else
        return false;
    return true;
}

/*
 * Rows say which items a sensor saw, not from which instant on or until when: choose these so that
 * the coverage is what the summary says.
 */
static void trim_coverage(struct erg_plan *plan, double wanted)
{
    uint32_t n = erg_plan_channels(plan), chosen = 0;
    int64_t length = plan->facts->duration_ns;
    bool early = false, late = false;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        early |= plan->domains[d].used && plan->domains[d].end_ns < length;
        late |= plan->domains[d].used && plan->domains[d].start_ns > 0;
    }
    bool at_end = early || !late;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const struct erg_domain_plan *domain = &plan->domains[d];
        bool here = at_end ? !early || domain->end_ns < length : domain->start_ns > 0;
        chosen |= domain->used && here ? 1u << d : 0;
    }
    int64_t excess = llround((coverage_with(plan, n) - wanted) * (double)length * n);
    for (int d = 0, left = __builtin_popcount(chosen); d < ERG_DOMAINS; d++) {
        if (!(chosen >> d & 1))
            continue;
        int64_t by_ns = excess / left--;
        /* the last one makes good what rounding the sum has changed */
        bool done = by_ns > 0 && trim(&plan->domains[d], at_end, by_ns);
        for (int near = 1; done && !left && near < 64 && coverage_with(plan, n) != wanted; near++)
            trim(&plan->domains[d], at_end, near % 2 ? near : -near);
        excess -= done ? by_ns : 0;
    }
}

/* A domain that was sampled but is in no item needs a channel too. */
static void add_sampled(struct erg_plan *plan)
{
    for (int d = 0; d < ERG_DOMAINS; d++)
        plan->domains[d].used |= plan->domains[d].sampled;
}

static void find_channels(struct erg_plan *plan)
{
    const json_t *power = json_object_get(summary_of(plan), "power");
    const json_t *coverage = json_object_get(power, "coverage_ratio");
    uint32_t sources = (uint32_t)json_array_size(json_object_get(power, "sources"));
    double wanted = json_is_number(coverage) ? json_number_value(coverage) : 1;
    if (sources > ERG_MAX_PADS)
        sources = ERG_MAX_PADS;
    add_sampled(plan);
    uint32_t used = erg_plan_channels(plan);
    plan->pads = sources > used ? sources - used : used == 0;
    if (used == 0 || plan->facts->duration_ns <= 0)
        return;
    if (coverage_with(plan, erg_plan_channels(plan)) != wanted)
        trim_coverage(plan, wanted);
    uint32_t pads = plan->pads;
    while (plan->pads < ERG_MAX_PADS && coverage_with(plan, erg_plan_channels(plan)) != wanted)
        plan->pads++;
    if (coverage_with(plan, erg_plan_channels(plan)) != wanted)
        plan->pads = pads;
}

static bool energy_of(const json_t *summary, const char *key, int64_t *out_nj)
{
    const json_t *mj = json_object_get(summary, key);
    *out_nj = json_is_number(mj) ? llround(json_number_value(mj) * 1e6) : 0;
    return json_is_number(mj);
}

/* The idle baseline ends at t = 0 and is as long as asked for, or as its power needs. */
static void place_idle(struct erg_plan *plan)
{
    const json_t *summary = summary_of(plan);
    const json_t *mw = json_object_get(summary, "idle_power_mw");
    const json_t *seconds = json_object_get(json_object_get(summary, "settings"), "idle_seconds");
    if (!json_is_number(mw) || erg_plan_lead(plan) < 0)
        return;
    int64_t length = json_is_number(seconds) ? llround(json_number_value(seconds) * 1e9) : 0;
    double power = json_number_value(mw);
    if ((length <= 0 || !erg_ratio_used(power, length, &plan->idle.nj)) &&
        !erg_ratio_find(power, 1, &length, &plan->idle.nj))
        return;
    plan->has_idle = plan->idle.known = true;
    plan->idle.t0_ns = -length;
}

/* Loading lies where its samples do; else before everything else. */
static void place_load(struct erg_plan *plan)
{
    const json_t *ms = json_object_get(summary_of(plan), "load_duration_ms");
    if (!json_is_number(ms))
        return;
    int64_t length = llround(json_number_value(ms) * 1e6);
    plan->has_load = true;
    plan->load.known =
        energy_of(summary_of(plan), "load_energy_mj", &plan->load.nj) && erg_plan_lead(plan) >= 0;
    int64_t t1 =
        (plan->idle.t0_ns < plan->first_ns ? plan->idle.t0_ns : plan->first_ns) - MARGIN_NS;
    if (plan->loading_first_ns != INT64_MAX) {
        t1 = plan->loading_first_ns + length - 1;
        if (t1 >= plan->idle_after_ns)
            t1 = plan->idle_after_ns - 1;
    }
    plan->load.t0_ns = t1 - length;
    plan->load.t1_ns = t1;
    if (plan->has_idle && plan->load.t1_ns > plan->idle.t0_ns) {
        int64_t by = plan->load.t0_ns - MARGIN_NS;
        plan->idle.t1_ns += by;
        plan->idle.t0_ns += by;
    }
}

static int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first reading, where E(t) starts so that samples of the run lie on it. */
static void place_origin(struct erg_plan *plan)
{
    int lead = erg_plan_lead(plan);
    plan->origin_ns = min_ns(plan->idle.t0_ns, plan->first_ns);
    if (plan->has_load && plan->load.known)
        plan->origin_ns = min_ns(plan->origin_ns, plan->load.t0_ns);
    if (plan->has_load)
        plan->first_ns = min_ns(plan->first_ns, plan->load.t0_ns);
    plan->first_ns = min_ns(plan->first_ns, plan->origin_ns);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        struct erg_domain_plan *domain = &plan->domains[d];
        domain->zero_nj = domain->chain_at_zero_nj;
        if (d == lead)
            domain->zero_nj += plan->load.nj + plan->idle.nj;
        domain->prime_nj = domain->zero_nj - domain->chain_at_zero_nj;
        if (domain->used && domain->start_ns > 0)
            plan->upfront = false;
    }
    int64_t before = -plan->first_ns + INT64_C(1000000000);
    plan->base_ns = (before / ERG_TICK_NS + 1) * ERG_TICK_NS;
}

static bool has_warning(const struct erg_plan *plan, const char *text)
{
    const json_t *list = json_object_get(json_object_get(summary_of(plan), "power"), "warnings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *warning = json_string_value(json_array_get(list, i));
        if (warning && strcmp(warning, text) == 0)
            return true;
    }
    return false;
}

uint32_t erg_plan_channels(const struct erg_plan *plan)
{
    uint32_t count = plan->pads;
    for (int d = 0; d < ERG_DOMAINS; d++)
        count += plan->domains[d].used;
    return count;
}

int erg_plan_lead(const struct erg_plan *plan)
{
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (plan->domains[d].used && plan->domains[d].start_ns == 0)
            return d;
    }
    return -1;
}

int erg_plan_make(struct erg_plan *out, const struct erg_export_request *request,
                  const struct erg_facts *facts, struct erg_err *err)
{
    *out = (struct erg_plan){
        .facts = facts,
        .loading_first_ns = INT64_MAX,
        .idle_before_ns = INT64_MIN,
        .idle_after_ns = INT64_MAX,
    };
    const json_t *power = json_object_get(facts->summary, "power");
    const json_t *interval = json_object_get(power, "interval_ms");
    out->has_power = json_is_number(interval);
    out->interval_ns = llround(json_number_value(interval) * 1e6);
    out->synthetic = has_warning(out, simulated);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        out->domains[d].measured_ns = INT64_MAX;
        out->domains[d].not_measured_ns = -1;
    }
    int rc = scan_rows(out, request, err);
    if (rc)
        return rc;
    find_rests(out);
    find_periods(out);
    if (out->has_power)
        find_channels(out);
    place_idle(out);
    place_load(out);
    place_origin(out);
    return 0;
}
