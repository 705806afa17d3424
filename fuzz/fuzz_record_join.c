/* SPDX-License-Identifier: MIT */
#include "record/tape.h"
#include "renew.h"
#include "store/details.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not inlined: the stack says which check it was. */
__attribute__((noinline)) static void require(int condition)
{
    if (!condition)
        abort();
}

/* What the rows of a run add up to. */
struct ledger {
    struct erg_energy children[ERG_PHASES], passes;
    int64_t children_ns[ERG_PHASES], passes_ns, last_t1_ns;
    uint32_t pass_count, token_count;
};

static void take(struct ledger *ledger, uint32_t phase, int64_t t0_ns, int64_t t1_ns,
                 const struct erg_energy *energy)
{
    require(phase < ERG_PHASES && t0_ns >= ledger->last_t1_ns && t1_ns >= t0_ns);
    ledger->last_t1_ns = t1_ns;
    ledger->children_ns[phase] += t1_ns - t0_ns;
    erg_energy_add(&ledger->children[phase], energy);
}

static void on_section(void *user, const struct erg_section_row *row)
{
    require(row->name && row->duration_ns >= 0);
    if (row->phase != ERG_PHASE_PREFILL && row->phase != ERG_PHASE_DECODE)
        take(user, row->phase, row->t0_ns, row->t1_ns, &row->energy);
}

/* Attention and routing are what the store takes. */
static void check_details(const struct erg_pass_row *row)
{
    struct erg_buf packed;
    erg_buf_init(&packed);
    require(erg_details_pack(row, &packed) == 0);
    erg_buf_deinit(&packed);
}

static void on_pass(void *user, const struct erg_pass_row *row)
{
    struct ledger *ledger = user;
    int64_t ticks = 0;
    take(ledger, row->phase, row->t0_ns, row->t1_ns, &row->energy);
    for (uint32_t i = 0; i < row->n_spans; i++)
        ticks += row->spans[i].ticks;
    require(ticks <= (row->t1_ns - row->t0_ns) / ERG_TICK_NS);
    require(row->index == ledger->pass_count++);
    check_details(row);
    erg_energy_add(&ledger->passes, &row->energy);
    ledger->passes_ns += row->t1_ns - row->t0_ns;
}

static void on_token(void *user, const struct erg_token_row *row)
{
    struct ledger *ledger = user;
    require(row->index == ledger->token_count++ && row->pass + 1 == ledger->pass_count);
    require(row->duration_ns >= 0 && strlen(row->text) <= row->text_len);
}

static void on_sample(void *user, const struct erg_sample_row *row)
{
    (void)user;
    require(row->phase >= -2 && row->phase < ERG_PHASES && row->total_mw >= 0);
}

/* Parts and rest are the whole, exactly. */
static void check_phases(const struct erg_run_facts *facts, const struct ledger *ledger)
{
    struct erg_energy phases = {0};
    for (int p = 0; p < ERG_PHASES; p++) {
        const struct erg_phase_facts *phase = &facts->phases[p];
        struct erg_energy sum = ledger->children[p];
        erg_energy_add(&sum, &phase->unattributed);
        for (int d = 0; d < ERG_DOMAINS; d++)
            require(sum.nj[d] == phase->energy.nj[d] && phase->unattributed.nj[d] >= 0);
        require(ledger->children_ns[p] + phase->unattributed_ns == phase->t1_ns - phase->t0_ns);
        erg_energy_add(&phases, &phase->energy);
    }
    for (int d = 0; d < ERG_DOMAINS; d++)
        require(facts->energy.nj[d] >= phases.nj[d]);
    require(facts->unattributed_nj >= 0);
    require(facts->unattributed_nj <= erg_energy_total_nj(&facts->energy));
}

static void check_rollup(struct erg_join *join, const struct ledger *ledger)
{
    struct erg_rollup *rollup = erg_join_take_rollup(join);
    struct erg_energy sum = {0};
    int64_t sum_ns = 0;
    size_t count;
    const struct erg_rollup_row *rows = erg_rollup_rows(rollup, &count);
    for (size_t i = 0; i < count; i++) {
        erg_energy_add(&sum, &rows[i].energy);
        sum_ns += rows[i].duration_ns;
    }
    for (int d = 0; d < ERG_DOMAINS; d++)
        require(sum.nj[d] == ledger->passes.nj[d]);
    require(sum_ns == ledger->passes_ns);
    erg_rollup_free(rollup);
}

/* As an import does it: a recording that breaks off is a shorter run that was interrupted. */
static void finish(struct erg_join *join, const struct ledger *ledger, const char *why_torn)
{
    struct erg_run_facts facts;
    struct erg_buf summary;
    if (why_torn)
        require(erg_join_interrupt(join, why_torn, NULL) == 0);
    require(erg_join_finish(join, NULL) == 0);
    erg_join_facts(join, &facts);
    check_phases(&facts, ledger);
    erg_buf_init(&summary);
    erg_summary_write(&facts, &summary);
    require(erg_buf_status(&summary) == 0 && facts.status);
    json_t *json = json_loadb(summary.data, summary.len, JSON_ALLOW_NUL, NULL);
    require(json_is_object(json));
    json_decref(json);
    erg_buf_deinit(&summary);
    check_rollup(join, ledger);
}

/* A recording from anywhere, its check values renewed, goes the way of an import but to no store.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ledger ledger = {0};
    struct erg_join_sink sink = {&ledger, on_section, on_pass, on_token, on_sample, NULL, NULL};
    struct erg_join *join = NULL;
    struct erg_tape *tape = NULL;
    struct erg_run_facts facts;
    struct erg_err err = {0};
    unsigned char *copy = malloc(size + 1);
    require(copy && !erg_join_new(&join, &sink, NULL) && !erg_tape_open(&tape, NULL, join, NULL));
    memcpy(copy, data, size);
    renew_checks(copy, size);
    int rc = erg_tape_put(tape, copy, size, &err);
    require(rc == 0 || (rc == err.code && err.text[0]));
    erg_join_facts(join, &facts);
    if (facts.id)
        finish(join, &ledger, rc ? err.text : erg_join_is_closed(join) ? NULL : "torn");
    erg_tape_free(tape);
    erg_join_free(join);
    free(copy);
    return 0;
}
