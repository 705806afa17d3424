/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STREAM_SAMPLE_H
#define TESTS_STREAM_SAMPLE_H

#include "base/buf.h"
#include "stream/reader.h"

#include <stdbool.h>

/* A small stream with a record of every type, packed by hand. */
void sample_stream(struct erg_buf *out);

/* An event as a line of text that says everything about it; ids are written as names. */
void sample_dump(const struct erg_reader *reader, const struct erg_event *event,
                 struct erg_buf *out);

/*
 * Read a stream in chunks of `chunk` bytes and dump every event into `out`. Returns what ended it:
 * 0 for the end of the bytes, else the reader's code; *out_pending may be NULL.
 */
int sample_read(const void *bytes, size_t len, size_t chunk, struct erg_buf *out,
                size_t *out_pending);

/* Pseudo-random numbers (splitmix64). */
uint64_t sample_random(uint64_t *state);

#endif
