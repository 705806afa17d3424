/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_TICKET_H
#define ERG_SERVER_TICKET_H

#include "base/clock.h"
#include "base/jsonw.h"
#include "server/run_maker.h"

/* Inside of the queue: a run from when it is taken until nobody asks for it any more. */
enum erg_ticket_state { ERG_TICKET_WAITING, ERG_TICKET_RUNNING, ERG_TICKET_ENDED };

struct erg_ticket {
    struct erg_ticket *next;
    struct erg_run_request *request; /* NULL once it has ended */
    char id[40];
    enum erg_ticket_state state;
    bool awaited; /* somebody is going to ask how it ended */
    atomic_bool cancelled;
    struct erg_run_outcome outcome; /* once it has ended */
    /* What is shown of it. */
    int64_t submitted_wall_ns;
    char *model_name, *prompt, *tags_json, *experiment;
    const char *mode;
    int64_t max_length;
};

/* NULL for want of memory; the request stays the caller's. */
struct erg_ticket *erg_ticket_new(const struct erg_run_request *request,
                                  const struct erg_clock *clock);
/* With its request and its outcome. Accepts NULL. */
void erg_ticket_free(struct erg_ticket *ticket);

/* The ticket as an object of GET /queue, and in the form of a summary; `now` is what the maker says
 * of the run that goes on. */
void erg_ticket_write(const struct erg_ticket *ticket, struct erg_feed_state now,
                      struct erg_jsonw *w);
void erg_ticket_describe(const struct erg_ticket *ticket, struct erg_jsonw *w);

#endif
