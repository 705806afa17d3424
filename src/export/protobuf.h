/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_PROTOBUF_H
#define ERG_EXPORT_PROTOBUF_H

#include "base/buf.h"

#include <stdint.h>

/*
 * The wire format of protocol buffers, as much as is written here: one field, number first,
 * appended to a message. A message within another is built in a buffer of its own. Failures are
 * sticky in the buffer, those of an inner message too.
 */
void erg_pb_uint(struct erg_buf *message, uint32_t field, uint64_t value);
void erg_pb_int(struct erg_buf *message, uint32_t field, int64_t value); /* int32, int64 */
void erg_pb_double(struct erg_buf *message, uint32_t field, double value);
void erg_pb_bytes(struct erg_buf *message, uint32_t field, const void *bytes, size_t len);
void erg_pb_text(struct erg_buf *message, uint32_t field, const char *text); /* valid UTF-8 */
void erg_pb_message(struct erg_buf *message, uint32_t field, const struct erg_buf *inner);

#endif
