/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_JSONW_H
#define ERG_BASE_JSONW_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Streaming JSON writer. Values go to a buffer; when a sink is set, the buffer is handed to it
 * whenever it exceeds 64 KiB and at erg_jsonw_finish(), so that a document of any length takes
 * constant memory. Commas are inserted by the writer. Strings that are not valid UTF-8 have the
 * offending bytes replaced by U+FFFD. NaN and infinities become null.
 *
 * Inside an object every value is preceded by erg_jsonw_key(), or written with one of the
 * erg_jsonw_k…() pairs. Failures are sticky (see base/buf.h); erg_jsonw_finish() reports them.
 */
typedef int (*erg_jsonw_sink)(void *user, const char *bytes, size_t len);

struct erg_jsonw {
    struct erg_buf *buf;
    erg_jsonw_sink sink;
    void *user;
    int depth;
    bool pretty;        /* two-space indentation */
    bool after_key;     /* the next value follows its key */
    uint64_t has_items; /* bit d: the container at depth d is not empty */
    int status;
};

/* Write into `buf` (borrowed). */
void erg_jsonw_init(struct erg_jsonw *w, struct erg_buf *buf);

/* Write through `sink`; `buf` is scratch. The sink returns 0 or an error code. */
void erg_jsonw_init_sink(struct erg_jsonw *w, struct erg_buf *scratch, erg_jsonw_sink sink,
                         void *user);

/* Flush to the sink, if any; 0 or the first failure. */
int erg_jsonw_finish(struct erg_jsonw *w);

void erg_jsonw_obj_begin(struct erg_jsonw *w);
void erg_jsonw_obj_end(struct erg_jsonw *w);
void erg_jsonw_arr_begin(struct erg_jsonw *w);
void erg_jsonw_arr_end(struct erg_jsonw *w);
void erg_jsonw_key(struct erg_jsonw *w, const char *key);

void erg_jsonw_null(struct erg_jsonw *w);
void erg_jsonw_bool(struct erg_jsonw *w, bool value);
void erg_jsonw_int(struct erg_jsonw *w, int64_t value);
void erg_jsonw_uint(struct erg_jsonw *w, uint64_t value);
/* Shortest decimal that reads back to the same double. */
void erg_jsonw_real(struct erg_jsonw *w, double value);
void erg_jsonw_str(struct erg_jsonw *w, const char *text); /* NULL writes null */
void erg_jsonw_strn(struct erg_jsonw *w, const char *text, size_t len);
/* An integer of millionths as an exact decimal: 1500001 → 1.500001 (nJ as mJ, ns as ms). */
void erg_jsonw_micro(struct erg_jsonw *w, int64_t millionths);
/* A finished JSON value, copied as it is. */
void erg_jsonw_raw(struct erg_jsonw *w, const char *json);
/* The members of a finished JSON object without blanks around it, inside of another one. */
void erg_jsonw_members(struct erg_jsonw *w, const char *object);

/* key + value */
void erg_jsonw_kbool(struct erg_jsonw *w, const char *key, bool value);
void erg_jsonw_kint(struct erg_jsonw *w, const char *key, int64_t value);
void erg_jsonw_kreal(struct erg_jsonw *w, const char *key, double value);
void erg_jsonw_kstr(struct erg_jsonw *w, const char *key, const char *text);
void erg_jsonw_kmicro(struct erg_jsonw *w, const char *key, int64_t millionths);
void erg_jsonw_knull(struct erg_jsonw *w, const char *key);

#endif
