/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_EXCHANGE_H
#define ERG_SERVER_EXCHANGE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * An exchange: one HTTP request, and the answer a handler writes to it. It knows nothing of
 * sockets: server/http.c makes exchanges of connections, tests make them of text.
 *
 * A handler runs on a thread of its own for each request and may block: on the store, on a run, on
 * a client that reads slowly. It begins the answer once, then writes its body, of any length.
 */
enum erg_method {
    ERG_GET, /* HEAD too: the body is then left out by the connection */
    ERG_POST,
    ERG_PATCH,
    ERG_DELETE,
    ERG_OTHER_METHOD,
};

/* Borrowed for the exchange; "" when the client sent none. */
struct erg_request {
    enum erg_method method;
    const char *path;         /* percent-decoded once, begins with '/'; holds no NUL */
    const char *query;        /* as it was sent, without '?' */
    const char *content_type; /* as it was sent */
    const char *accept, *accept_encoding, *if_none_match;
    const char *body;
    size_t body_len;
};

struct erg_http_field {
    const char *name, *value; /* name in lower case */
};

/* Fields of an answer, at most, media type and length included. */
enum { ERG_ANSWER_FIELDS_MAX = 16 };

/* Where an answer goes. */
struct erg_answer_sink {
    void *user;
    int (*begin)(void *user, int status, const struct erg_http_field *fields, size_t count);
    /* Blocks while the client reads slowly; GONE when it has left. */
    int (*write)(void *user, const void *bytes, size_t len);
};

struct erg_exchange {
    struct erg_request request;
    const struct erg_answer_sink *sink;
    int status;  /* of the answer; 0 = not begun */
    bool is_cut; /* it could not be finished: the connection is cut, so that the client notices */
};

/*
 * Begin the answer: its status, its media type (NULL = no body) and further fields. A length is
 * sent only by those who know it, as a field "content-length". 0, or GONE.
 */
int erg_exchange_begin(struct erg_exchange *x, int status, const char *media_type,
                       const struct erg_http_field *fields, size_t count);
/* A piece of the body; has the shape of an export sink. 0, or GONE. */
int erg_exchange_write(void *x, const void *bytes, size_t len);

/* A whole answer: JSON text with its length. */
int erg_exchange_json(struct erg_exchange *x, int status, const struct erg_buf *json);
/* A whole answer without a body, such as 204. */
int erg_exchange_empty(struct erg_exchange *x, int status);

/*
 * A whole answer that tells of a failure, application/problem+json (RFC 9457): `code` is stable
 * ("not_found", "invalid_parameter"), the title is the status's own, `detail` says what was wrong
 * with what, `hint` (NULL = none) what to do. No path of this machine, no internals.
 */
int erg_exchange_problem(struct erg_exchange *x, int status, const char *code, const char *detail,
                         const char *hint);
/* The same, with a field that goes along; name NULL = none. */
int erg_exchange_problem_with(struct erg_exchange *x, int status,
                              const struct erg_http_field *field, const char *code,
                              const char *detail, const char *hint);
/* The same, with a member that says what it is about: "parameter" or "run_id". */
int erg_exchange_problem_about(struct erg_exchange *x, int status, const char *member,
                               const char *value, const char *code, const char *detail,
                               const char *hint);
/* 405; `allow` is what the path takes: "GET, DELETE". */
int erg_exchange_not_allowed(struct erg_exchange *x, const char *allow);
/*
 * A problem from an error; one that tells of files is put in general words. An answer that has
 * begun already is cut.
 */
int erg_exchange_fail(struct erg_exchange *x, const struct erg_err *err);

/* "Not Found" of 404. */
const char *erg_http_status_title(int status);

#endif
