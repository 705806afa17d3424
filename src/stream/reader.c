/* SPDX-License-Identifier: MIT */
#include "stream/reader.h"

#include "base/limits.h"
#include "base/mem.h"
#include "stream/decode.h"

#include <inttypes.h>
#include <stdlib.h>

enum { FIRST_BYTES = 4 << 10 };

/* A record that is not complete yet, and as much again fed ahead of erg_reader_next(). */
#define MAX_PENDING_BYTES ((size_t)2 * ERG_MAX_RECORD_BYTES)

struct erg_reader {
    char *bytes;       /* the stream from `offset` on is bytes[start…end) */
    size_t start, end; /* start is a multiple of 8, so that columns are aligned in memory */
    size_t capacity;
    uint64_t offset;
    uint64_t fed;
    uint64_t skipped;
    struct erg_err failure; /* what ended the stream; code 0 = nothing yet */
    char *names[ERG_MAX_NAMES];
    uint32_t names_end; /* no id from here on is bound */
    struct erg_described described;
};

int erg_reader_new(struct erg_reader **out, struct erg_err *err)
{
    struct erg_reader *reader = erg_calloc(1, sizeof *reader);
    if (!reader)
        return erg_fail(err, ERG_NOMEM, "cannot read an event stream: out of memory");
    *out = reader;
    return 0;
}

void erg_reader_free(struct erg_reader *reader)
{
    if (!reader)
        return;
    for (uint32_t id = 0; id < reader->names_end; id++)
        free(reader->names[id]);
    free(reader->bytes);
    free(reader);
}

/*
 * Room for `len` more bytes behind `end`. What waits is moved to the front only when that leaves a
 * quarter of the buffer free, else the buffer doubles: feeding is linear whatever the chunks.
 */
static int make_room(struct erg_reader *reader, size_t len, struct erg_err *err)
{
    size_t waiting = reader->end - reader->start;
    if (len > MAX_PENDING_BYTES - waiting)
        return erg_fail(err, ERG_LIMIT, "cannot take more of the event stream: %zu bytes wait",
                        waiting);
    if (len <= reader->capacity - reader->end)
        return 0;
    size_t need = waiting + len;
    if (need > reader->capacity - reader->capacity / 4) {
        size_t capacity = reader->capacity ? reader->capacity : FIRST_BYTES;
        while (need > capacity - capacity / 4)
            capacity *= 2;
        char *bytes = erg_realloc(reader->bytes, capacity);
        if (!bytes)
            return erg_fail(err, ERG_NOMEM, "cannot buffer the event stream: out of memory");
        reader->bytes = bytes;
        reader->capacity = capacity;
    }
    memmove(reader->bytes, reader->bytes + reader->start, waiting);
    reader->start = 0;
    reader->end = waiting;
    return 0;
}

int erg_reader_feed(struct erg_reader *reader, const void *bytes, size_t len, struct erg_err *err)
{
    if (!len)
        return 0;
    if (!reader->failure.code) {
        int rc = make_room(reader, len, err);
        if (rc)
            return rc;
        memcpy(reader->bytes + reader->end, bytes, len);
        reader->end += len;
    }
    reader->fed += len;
    return 0;
}

static void consume(struct erg_reader *reader, size_t bytes)
{
    reader->start += bytes;
    reader->offset += bytes;
    if (reader->start == reader->end)
        reader->start = reader->end = 0;
}

static int end_stream(struct erg_reader *reader, int code, const char *what, const char *broken)
{
    return erg_fail(&reader->failure, code, "event stream is damaged at byte %" PRIu64 ": %s%s",
                    reader->offset, what, broken);
}

/* 1 when the preamble has been taken, 0 when it is not complete. */
static int take_preamble(struct erg_reader *reader)
{
    size_t len = reader->end;
    const char *bytes = reader->bytes;
    if (len && memcmp(bytes, ERG_FORMAT_MAGIC, len < 8 ? len : 8) != 0)
        return end_stream(reader, ERG_CORRUPT, "", "not an event stream");
    if (len < ERG_PREAMBLE_BYTES)
        return 0;
    uint16_t major;
    uint32_t zero;
    memcpy(&major, bytes + 8, 2);
    memcpy(&zero, bytes + 12, 4);
    if (major != ERG_FORMAT_MAJOR)
        return erg_fail(&reader->failure, ERG_UNSUPPORTED,
                        "event stream has format version %u, this is a reader of %d",
                        (unsigned)major, ERG_FORMAT_MAJOR);
    if (zero)
        return end_stream(reader, ERG_CORRUPT, "", "reserved field of the preamble is not zero");
    consume(reader, ERG_PREAMBLE_BYTES);
    return 1;
}

struct record {
    const char *bytes;
    uint32_t payload_bytes, padded_bytes;
    uint16_t type;
};

/* The record at the front: 1 when it is complete and undamaged, 0 when more bytes are needed. */
static int find_record(struct erg_reader *reader, struct record *out)
{
    size_t len = reader->end - reader->start;
    const char *bytes = reader->bytes + reader->start;
    uint32_t payload_bytes;
    uint16_t type, zero;
    uint64_t check;
    if (len < ERG_RECORD_HEADER_BYTES)
        return 0;
    memcpy(&payload_bytes, bytes, 4);
    memcpy(&type, bytes + 4, 2);
    memcpy(&zero, bytes + 6, 2);
    memcpy(&check, bytes + 8, 8);
    if (payload_bytes > ERG_MAX_RECORD_BYTES)
        return end_stream(reader, ERG_CORRUPT, "", "length of a record is out of range");
    if (zero)
        return end_stream(reader, ERG_CORRUPT, "", "reserved field of a record is not zero");
    uint32_t padded = erg_format_padded(payload_bytes);
    if (len - ERG_RECORD_HEADER_BYTES < padded)
        return 0;
    const char *payload = bytes + ERG_RECORD_HEADER_BYTES;
    if (erg_format_check(type, payload_bytes, payload, padded) != check)
        return end_stream(reader, ERG_CORRUPT, "", "check value of a record does not agree");
    for (uint32_t i = payload_bytes; i < padded; i++) {
        if (payload[i])
            return end_stream(reader, ERG_CORRUPT, "", "padding of a record is not zero");
    }
    *out = (struct record){bytes, payload_bytes, padded, type};
    return 1;
}

/* Keep what the records behind this one are checked against. */
static void note_described(struct erg_described *described, const struct erg_event *event)
{
    const struct erg_pass_head *pass = &event->pass.head;
    uint32_t attended = event->attention.head.span, routed = event->routing.head.span;
    switch (event->type) {
    case ERG_REC_RUN_BEGIN:
        described->n_spans = described->n_tokens = 0;
        break;
    case ERG_REC_PASS:
        described->n_spans = pass->n_spans;
        described->n_tokens = pass->n_tokens;
        memset(described->attention, 0, (pass->n_spans + 63) / 64 * sizeof(uint64_t));
        memset(described->routing, 0, (pass->n_spans + 63) / 64 * sizeof(uint64_t));
        break;
    case ERG_REC_ATTENTION:
        described->attention[attended / 64] |= UINT64_C(1) << attended % 64;
        break;
    case ERG_REC_ROUTING:
        described->routing[routed / 64] |= UINT64_C(1) << routed % 64;
        break;
    default:
        break;
    }
}

/* Check the rules of the record and fill *out; 1, or why the stream ends here. */
static int decode_record(struct erg_reader *reader, const struct record *record,
                         const struct erg_record_rule *rule, struct erg_event *out,
                         struct erg_err *err)
{
    struct erg_payload payload = {(const unsigned char *)record->bytes + ERG_RECORD_HEADER_BYTES,
                                  record->payload_bytes, reader->names, &reader->described};
    *out = (struct erg_event){.type = (enum erg_record_type)record->type};
    const char *broken = payload.len < rule->min_bytes ? ": too short" : NULL;
    if (broken)
        return end_stream(reader, ERG_CORRUPT, rule->name, broken);
    broken = rule->decode(&payload, out);
    if (broken) {
        char text[96] = ": ";
        strncat(text, broken, sizeof text - 3);
        return end_stream(reader, ERG_CORRUPT, rule->name, text);
    }
    if (record->type == ERG_REC_NAME) {
        reader->names[out->name] = erg_strndup(out->text.bytes, out->text.len);
        if (!reader->names[out->name])
            return erg_fail(err, ERG_NOMEM, "cannot keep a name: out of memory");
        if (out->name >= reader->names_end)
            reader->names_end = out->name + 1;
    }
    note_described(&reader->described, out);
    out->record = record->bytes;
    out->record_bytes = ERG_RECORD_HEADER_BYTES + (size_t)record->padded_bytes;
    return 1;
}

/* As erg_reader_next(), but what ends the stream is left in reader->failure. */
static int next_event(struct erg_reader *reader, struct erg_event *out, struct erg_err *err)
{
    if (!reader->offset) {
        int rc = take_preamble(reader);
        if (rc <= 0)
            return rc;
    }
    for (;;) {
        struct record record;
        int rc = find_record(reader, &record);
        if (rc <= 0)
            return rc;
        const struct erg_record_rule *rule = erg_record_rule_find(record.type);
        if (rule) {
            struct erg_event event;
            rc = decode_record(reader, &record, rule, &event, err);
            if (rc < 0)
                return rc;
            *out = event;
        } else {
            reader->skipped++;
        }
        consume(reader, ERG_RECORD_HEADER_BYTES + (size_t)record.padded_bytes);
        if (rule)
            return 1;
    }
}

int erg_reader_next(struct erg_reader *reader, struct erg_event *out, struct erg_err *err)
{
    int rc = reader->failure.code;
    if (!rc)
        rc = next_event(reader, out, err);
    if (reader->failure.code && err)
        *err = reader->failure;
    return rc;
}

uint64_t erg_reader_offset(const struct erg_reader *reader)
{
    return reader->offset;
}

size_t erg_reader_pending(const struct erg_reader *reader)
{
    return (size_t)(reader->fed - reader->offset);
}

uint64_t erg_reader_skipped(const struct erg_reader *reader)
{
    return reader->skipped;
}

const char *erg_reader_name(const struct erg_reader *reader, uint32_t id)
{
    if (id == 0)
        return "";
    return id < ERG_MAX_NAMES ? reader->names[id] : NULL;
}
