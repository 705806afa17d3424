/* SPDX-License-Identifier: MIT */
#include "server/feed_priv.h"
#include "server/frames.h"
#include "stream/taxonomy.h"

#include <stdio.h>
#include <string.h>

static void start_section(struct erg_feed *feed, uint32_t phase, const char *name, int64_t t_ns)
{
    erg_frame_section_start(erg_feed_frame(feed, "section_start", t_ns), phase, name);
    erg_feed_put(feed, ERG_FRAME_EVENT);
}

static void end_section(struct erg_feed *feed, const struct erg_section_row *row)
{
    erg_frame_section_end(erg_feed_frame(feed, "section_end", row->t1_ns), row);
    erg_feed_put(feed, ERG_FRAME_EVENT);
}

/* Of prefill or decode; made, and told to begin at `t_ns`, when it is new. NULL: too many. */
static struct erg_feed_section *find_section(struct erg_feed *feed, uint32_t phase,
                                             const char *name, int64_t t_ns)
{
    for (size_t i = 0; i < feed->section_count; i++) {
        struct erg_feed_section *section = &feed->sections[i];
        if (section->row.phase == phase && strcmp(section->name, name) == 0)
            return section;
    }
    if (feed->section_count == ERG_FEED_SECTIONS)
        return NULL;
    struct erg_feed_section *section = &feed->sections[feed->section_count++];
    *section = (struct erg_feed_section){.row = {.phase = phase}};
    snprintf(section->name, sizeof section->name, "%s", name);
    start_section(feed, phase, name, t_ns);
    return section;
}

/* The first pass of a phase shows which sections it has. */
void erg_feed_start_sections(struct erg_feed *feed, const struct erg_extra_source *pass)
{
    const struct erg_pass_row *row = pass->pass;
    int64_t t_ns = row->t0_ns;
    for (uint32_t i = 0; i < row->n_spans; i++) {
        const char *component = pass->name(pass->user, row->spans[i].component);
        const char *name =
            component ? erg_component_section(erg_component_find(component), row->phase) : NULL;
        if (name)
            find_section(feed, row->phase, name, t_ns);
        t_ns += (int64_t)row->spans[i].ticks * ERG_TICK_NS;
    }
}

/* Those of phases before `phase` are over once their last sums are known. */
void erg_feed_end_sections(struct erg_feed *feed, uint32_t phase)
{
    for (size_t i = 0; i < feed->section_count; i++) {
        struct erg_feed_section *section = &feed->sections[i];
        if (section->ended || section->row.phase >= phase || !section->row.name)
            continue;
        section->ended = true;
        end_section(feed, &section->row);
    }
}

void erg_feed_on_section_begins(void *user, uint32_t phase, const char *name, int64_t t_ns)
{
    struct erg_feed *feed = user;
    struct erg_feed_progress *p = &feed->progress;
    erg_feed_reach(feed, t_ns);
    start_section(feed, phase, name, t_ns);
    p->phase = phase;
    p->layer = INT64_MIN;
    snprintf(p->section, sizeof p->section, "%s", name);
    p->dirty = true;
}

void erg_feed_enter_phase(struct erg_feed *feed, uint32_t phase)
{
    if (!feed->phase_known || phase > feed->phase)
        feed->phase = phase;
    feed->phase_known = true;
}

void erg_feed_on_section(void *user, const struct erg_section_row *row)
{
    struct erg_feed *feed = user;
    erg_feed_reach(feed, row->t1_ns);
    if (row->phase != ERG_PHASE_PREFILL && row->phase != ERG_PHASE_DECODE) {
        erg_feed_enter_phase(feed, row->phase);
        erg_energy_add(&feed->progress.energy, &row->energy);
        end_section(feed, row);
        return;
    }
    struct erg_feed_section *section = find_section(feed, row->phase, row->name, row->t0_ns);
    if (!section)
        return;
    section->row = *row;
    section->row.name = section->name;
    /* Sums that come behind a pass of a later phase are the last ones. */
    if (feed->phase_known && row->phase < feed->phase && !section->ended) {
        section->ended = true;
        end_section(feed, &section->row);
    }
}
