/* SPDX-License-Identifier: MIT */
#include "export/protobuf.h"

#include <string.h>

/* https://protobuf.dev/programming-guides/encoding/ */
enum wire { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2 };

static void put_varint(struct erg_buf *message, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value > 0x7f; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    erg_buf_append(message, bytes, n);
}

static void put_tag(struct erg_buf *message, uint32_t field, enum wire wire)
{
    put_varint(message, (uint64_t)field << 3 | (uint64_t)wire);
}

void erg_pb_uint(struct erg_buf *message, uint32_t field, uint64_t value)
{
    put_tag(message, field, WIRE_VARINT);
    put_varint(message, value);
}

void erg_pb_int(struct erg_buf *message, uint32_t field, int64_t value)
{
    erg_pb_uint(message, field, (uint64_t)value);
}

void erg_pb_double(struct erg_buf *message, uint32_t field, double value)
{
    unsigned char bytes[8];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(bits >> 8 * i);
    put_tag(message, field, WIRE_I64);
    erg_buf_append(message, bytes, sizeof bytes);
}

void erg_pb_bytes(struct erg_buf *message, uint32_t field, const void *bytes, size_t len)
{
    put_tag(message, field, WIRE_LEN);
    put_varint(message, len);
    erg_buf_append(message, bytes, len);
}

void erg_pb_text(struct erg_buf *message, uint32_t field, const char *text)
{
    erg_pb_bytes(message, field, text, strlen(text));
}

void erg_pb_message(struct erg_buf *message, uint32_t field, const struct erg_buf *inner)
{
    if (inner->status && !message->status)
        message->status = inner->status;
    erg_pb_bytes(message, field, inner->data, inner->len);
}
