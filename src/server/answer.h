/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_ANSWER_H
#define ERG_SERVER_ANSWER_H

#include "server/head.h"
#include "server/pipe.h"

/*
 * An answer as HTTP/1.1 writes it: status line, the fields that go with every answer (security,
 * Date), those of the handler, and the body by length or in chunks. Bytes go to a pipe.
 */
struct erg_answer {
    struct erg_pipe *pipe;
    int64_t wall_ns;        /* for Date */
    bool leaves_body_out;   /* HEAD, 204, 304 */
    bool is_1_1;            /* the client knows chunks */
    bool keeps_alive;       /* the connection can go on afterwards */
    bool is_chunked;        /* set by begin */
    bool knows_length;      /* likewise */
    uint64_t missing_bytes; /* of a known length */
    uint64_t body_bytes;    /* written by the handler */
};

/* The callbacks of a struct erg_answer_sink; `user` is a struct erg_answer. */
int erg_answer_begin(void *answer, int status, const struct erg_http_field *fields, size_t count);
int erg_answer_write(void *answer, const void *bytes, size_t len);

/* The handler is done; `cut`: it could not finish. */
void erg_answer_end(struct erg_answer *answer, bool cut);

#endif
