/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_PROBE_OUT_H
#define ERG_STREAM_PROBE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The probe's output: a buffer of fixed size before a descriptor that is never waited for. Whole
 * records enter it or are dropped and counted; bytes leave it in order, so that partial writes
 * keep the framing. The last bytes of the buffer are kept for urgent records (the end of a run).
 */
struct erg_probe_out {
    int fd;
    int sink; /* enum sink in probe_out.c */
    bool gone;
    unsigned char *bytes;
    size_t capacity;
    size_t head, tail;   /* waiting: bytes [head, tail) */
    size_t record;       /* start of the record being written */
    size_t fresh;        /* bytes of records since the last write */
    uint64_t dropped;    /* records, ever */
    uint64_t unreported; /* of these, not yet told by a DROPPED record */
};

enum { ERG_PROBE_RESERVE_BYTES = 4096 };

/* Take `fd` (borrowed) and allocate the buffer; 0 or an errno. */
int erg_probe_out_init(struct erg_probe_out *out, int fd, size_t capacity);
void erg_probe_out_deinit(struct erg_probe_out *out);

/* Whether records of `bytes` in all (headers and padding included) fit, after trying to write. */
bool erg_probe_out_room(struct erg_probe_out *out, size_t bytes, bool urgent);

void erg_probe_out_drop(struct erg_probe_out *out);

/*
 * Start a record: the place of its payload, to be filled before erg_probe_out_end(). NULL when it
 * was dropped (or the reader is gone).
 */
void *erg_probe_out_begin(struct erg_probe_out *out, uint16_t type, size_t payload_bytes,
                          bool urgent);
void erg_probe_out_end(struct erg_probe_out *out);

/* Hand what waits to the system. */
void erg_probe_out_flush(struct erg_probe_out *out);

/* flush() until nothing waits, for at most `timeout_ms`; 0, or -1. */
int erg_probe_out_drain(struct erg_probe_out *out, int timeout_ms);

#endif
