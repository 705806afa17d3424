/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_RENEW_H
#define FUZZ_RENEW_H

#include "stream/format.h"

#include <string.h>

/*
 * Renew the check values of all records of a stream, which mutations hardly ever leave right; up to
 * a record that says it is longer than what is left.
 */
static inline void renew_checks(unsigned char *bytes, size_t size)
{
    for (size_t at = ERG_PREAMBLE_BYTES; at < size && size - at >= ERG_RECORD_HEADER_BYTES;) {
        uint32_t payload_bytes;
        uint16_t type;
        memcpy(&payload_bytes, bytes + at, 4);
        memcpy(&type, bytes + at + 4, 2);
        size_t left = size - at - ERG_RECORD_HEADER_BYTES;
        if (payload_bytes > left || erg_format_padded(payload_bytes) > left)
            return;
        uint32_t padded = erg_format_padded(payload_bytes);
        uint64_t check =
            erg_format_check(type, payload_bytes, bytes + at + ERG_RECORD_HEADER_BYTES, padded);
        memcpy(bytes + at + 8, &check, 8);
        at += ERG_RECORD_HEADER_BYTES + (size_t)padded;
    }
}

#endif
