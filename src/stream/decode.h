/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_DECODE_H
#define ERG_STREAM_DECODE_H

#include "base/limits.h"
#include "stream/reader.h"

/* What records that describe spans of a pass may refer to; bit span % 64 of word span / 64 is set
 * when that was done. */
struct erg_described {
    uint32_t n_spans, n_tokens; /* of the latest pass of the run, 0 before it */
    uint64_t attention[ERG_MAX_SPANS_PER_PASS / 64];
    uint64_t routing[ERG_MAX_SPANS_PER_PASS / 64];
};

/* The payload of one record, its check already verified; 8-aligned. */
struct erg_payload {
    const unsigned char *bytes;
    uint32_t len;
    char *const *names; /* ERG_MAX_NAMES texts by id, NULL where not bound */
    const struct erg_described *described;
};

/* How one type of record is read (format.h says what each holds). */
struct erg_record_rule {
    uint16_t type;
    const char *name;
    uint32_t min_bytes; /* of its payload */
    /* Fill `out` (zeroed); NULL, or which rule the payload breaks. */
    const char *(*decode)(const struct erg_payload *in, struct erg_event *out);
};

/* The rule of a type, NULL when it is not known. */
const struct erg_record_rule *erg_record_rule_find(uint16_t type);

#endif
