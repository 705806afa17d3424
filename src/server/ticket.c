/* SPDX-License-Identifier: MIT */
#include "server/ticket.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 200 };

void erg_ticket_free(struct erg_ticket *ticket)
{
    if (!ticket)
        return;
    erg_run_outcome_deinit(&ticket->outcome);
    erg_run_request_free(ticket->request);
    free(ticket->model_name);
    free(ticket->prompt);
    free(ticket->tags_json);
    free(ticket->experiment);
    free(ticket);
}

static char *tags_json(const struct erg_run_options *options)
{
    struct erg_buf buf = {0};
    struct erg_jsonw w;
    erg_jsonw_init(&w, &buf);
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; i < options->tag_count; i++)
        erg_jsonw_str(&w, options->tags[i]);
    erg_jsonw_arr_end(&w);
    return erg_buf_take(&buf);
}

struct erg_ticket *erg_ticket_new(const struct erg_run_request *request,
                                  const struct erg_clock *clock)
{
    const struct erg_run_options *options = &request->options;
    struct erg_ticket *ticket = erg_calloc(1, sizeof *ticket);
    if (!ticket)
        return NULL;
    size_t shown = erg_utf8_truncate(options->prompt, strlen(options->prompt), SHOWN_BYTES);
    ticket->submitted_wall_ns = clock->wall_ns(clock->user);
    ticket->model_name = erg_strdup(options->model_name);
    ticket->prompt = erg_strndup(options->prompt, shown);
    ticket->tags_json = tags_json(options);
    ticket->experiment = options->experiment ? erg_strdup(options->experiment) : NULL;
    ticket->mode = options->mode;
    ticket->max_length = options->tokens;
    atomic_init(&ticket->cancelled, false);
    if (!ticket->model_name || !ticket->prompt || !ticket->tags_json ||
        (options->experiment && !ticket->experiment)) {
        erg_ticket_free(ticket);
        return NULL;
    }
    return ticket;
}

/* What a list and a description have in common. */
static void put_common(const struct erg_ticket *ticket, struct erg_jsonw *w)
{
    erg_jsonw_kstr(w, "run_id", ticket->id);
    erg_jsonw_kstr(w, "model_name", ticket->model_name);
    erg_jsonw_kstr(w, "prompt", ticket->prompt);
    erg_jsonw_kstr(w, "mode", ticket->mode);
    erg_jsonw_key(w, "tags");
    erg_jsonw_raw(w, ticket->tags_json);
    erg_jsonw_kstr(w, "experiment_name", ticket->experiment);
    erg_jsonw_kint(w, "max_length", ticket->max_length);
}

void erg_ticket_write(const struct erg_ticket *ticket, struct erg_feed_state now,
                      struct erg_jsonw *w)
{
    char utc[40];
    bool waits = ticket->state == ERG_TICKET_WAITING;
    const char *status = waits                               ? "queued"
                         : strcmp(now.stage, "running") == 0 ? "running"
                                                             : "loading";
    erg_format_utc_time(ticket->submitted_wall_ns, utc);
    erg_jsonw_obj_begin(w);
    put_common(ticket, w);
    erg_jsonw_kstr(w, "status", status);
    erg_jsonw_kstr(w, "submitted_at_utc", utc);
    erg_jsonw_kint(w, "tokens", waits ? 0 : now.tokens);
    erg_jsonw_obj_end(w);
}

void erg_ticket_describe(const struct erg_ticket *ticket, struct erg_jsonw *w)
{
    char local[40], utc[40];
    const char *status = ticket->state == ERG_TICKET_WAITING   ? "queued"
                         : ticket->state == ERG_TICKET_RUNNING ? "running"
                                                               : ticket->outcome.status;
    erg_format_local_time(ticket->submitted_wall_ns, local);
    erg_format_utc_time(ticket->submitted_wall_ns, utc);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "id", ticket->id);
    put_common(ticket, w);
    erg_jsonw_kstr(w, "created_at", local);
    erg_jsonw_kstr(w, "created_at_utc", utc);
    erg_jsonw_kstr(w, "status", status);
    erg_jsonw_kstr(w, "failure", ticket->outcome.failure);
    erg_jsonw_knull(w, "response");
    erg_jsonw_kint(w, "output_tokens", 0);
    erg_jsonw_obj_end(w);
}
