/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "export/formats.h"
#include "export/intern.h"
#include "export/out.h"
#include "export/protobuf.h"
#include "export/trace.h"

#include <string.h>

/*
 * Perfetto's protobuf trace (https://perfetto.dev/docs/reference/synthetic-track-event): a sequence
 * of packets, each a field of the trace. All are of one packet sequence, in which names, keys and
 * categories are written once and then given by number.
 *
 * Packets name no clock, so their times are of the trace's own (Perfetto takes it for BOOTTIME):
 * ns since the earliest thing in the trace.
 */
enum { TRACE_PACKET = 1 };

enum packet {
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE_ID = 10,
    PACKET_TRACK_EVENT = 11,
    PACKET_INTERNED_DATA = 12,
    PACKET_SEQUENCE_FLAGS = 13,
    PACKET_TRACK_DESCRIPTOR = 60,
    PACKET_FIRST_ON_SEQUENCE = 87,
};

enum { SEQUENCE = 1, FLAG_STATE_CLEARED = 1, FLAG_NEEDS_STATE = 2 };

enum event {
    EVENT_CATEGORY_IID = 3,
    EVENT_ANNOTATION = 4,
    EVENT_TYPE = 9,
    EVENT_NAME_IID = 10,
    EVENT_TRACK = 11,
    EVENT_NAME = 23,
    EVENT_DOUBLE_COUNTER = 44,
};

enum { TYPE_BEGIN = 1, TYPE_END = 2, TYPE_COUNTER = 4 };

enum track_descriptor {
    TRACK_UUID = 1,
    TRACK_NAME = 2,
    TRACK_PROCESS = 3,
    TRACK_PARENT = 5,
    TRACK_COUNTER = 8,
};

enum { PROCESS_PID = 1, PROCESS_NAME = 6, COUNTER_UNIT_NAME = 6, COUNTER_AXIS = 7, PID = 1 };
enum { ANNOTATION_NAME_IID = 1, ANNOTATION_INT = 4, ANNOTATION_TEXT = 6, ANNOTATION_NAME = 10 };
enum { INTERNED_IID = 1, INTERNED_TEXT = 2 };

/* Which index of the sequence's interned data; its value is the field. */
enum index { CATEGORIES = 1, NAMES = 2, KEYS = 3, INDEXES = 4 };

/* uuids of tracks */
enum {
    PROCESS_UUID = 1,
    TREE_UUID,
    TOKENS_UUID,
    SECTIONS_UUID,
    FIRST_COUNTER_UUID = 16,
    FIRST_SECTION_UUID = 64
};

struct perfetto {
    struct erg_out out;
    int rc;
    struct erg_buf packet, event, inner, text;
    struct erg_buf fresh; /* interned data that the next packet brings along */
    struct erg_intern interns[INDEXES];
    uint32_t described; /* counters that have a track */
};

/* The packet is complete: hand it to the trace. */
static void put_packet(struct perfetto *p)
{
    if (p->rc)
        return;
    erg_pb_message(&p->out.buf, TRACE_PACKET, &p->packet);
    p->rc = erg_out_spill(&p->out);
}

static void begin_packet(struct perfetto *p)
{
    erg_buf_clear(&p->packet);
    erg_pb_uint(&p->packet, PACKET_SEQUENCE_ID, SEQUENCE);
}

/* The track event in `p->event`, with whatever it has interned. */
static void put_event(struct perfetto *p, int64_t t_ns)
{
    begin_packet(p);
    erg_pb_int(&p->packet, PACKET_TIMESTAMP, t_ns);
    erg_pb_uint(&p->packet, PACKET_SEQUENCE_FLAGS, FLAG_NEEDS_STATE);
    if (p->fresh.len || p->fresh.status)
        erg_pb_message(&p->packet, PACKET_INTERNED_DATA, &p->fresh);
    erg_pb_message(&p->packet, PACKET_TRACK_EVENT, &p->event);
    erg_buf_clear(&p->fresh);
    put_packet(p);
}

/* Number of a text in an index; 0 when it has to be written in full. */
static uint32_t intern(struct perfetto *p, enum index index, const char *text)
{
    uint32_t number = 0;
    bool is_new = false;
    if (!p->rc)
        p->rc = erg_intern(&p->interns[index], text, &number, &is_new);
    if (p->rc)
        return 0;
    if (is_new) {
        erg_buf_clear(&p->inner);
        erg_pb_uint(&p->inner, INTERNED_IID, number);
        erg_pb_text(&p->inner, INTERNED_TEXT, text);
        erg_pb_message(&p->fresh, index, &p->inner);
    }
    return number;
}

/* A protobuf string is UTF-8; names come from models. */
static const char *clean(struct perfetto *p, const char *text, size_t len)
{
    if (erg_utf8_valid(text, len))
        return text;
    erg_buf_clear(&p->text);
    erg_utf8_sanitize(text, len, &p->text);
    if (!p->rc)
        p->rc = erg_buf_status(&p->text);
    return erg_buf_view(&p->text);
}

static void begin_annotation(struct perfetto *p, const char *key)
{
    uint32_t number = intern(p, KEYS, key);
    erg_buf_clear(&p->inner);
    if (number)
        erg_pb_uint(&p->inner, ANNOTATION_NAME_IID, number);
    else
        erg_pb_text(&p->inner, ANNOTATION_NAME, key);
}

static void annotate_number(struct perfetto *p, const char *key, int64_t value)
{
    begin_annotation(p, key);
    erg_pb_int(&p->inner, ANNOTATION_INT, value);
    erg_pb_message(&p->event, EVENT_ANNOTATION, &p->inner);
}

static void annotate(struct perfetto *p, const struct erg_trace_arg *args, size_t n_args)
{
    for (size_t i = 0; i < n_args; i++) {
        const struct erg_trace_arg *arg = &args[i];
        if (!arg->text) {
            annotate_number(p, arg->key, arg->number);
            continue;
        }
        const char *text = clean(p, arg->text, arg->len);
        begin_annotation(p, arg->key);
        erg_pb_bytes(&p->inner, ANNOTATION_TEXT, text, text == arg->text ? arg->len : p->text.len);
        erg_pb_message(&p->event, EVENT_ANNOTATION, &p->inner);
    }
}

static void annotate_energy(struct perfetto *p, const struct erg_energy *energy, bool by_domain)
{
    char key[24];
    if (!erg_energy_known(energy))
        return;
    annotate_number(p, "energy_nj", erg_energy_total_nj(energy));
    for (int d = 0; d < ERG_DOMAINS && by_domain; d++) {
        erg_trace_domain_key(d, "nj", key, sizeof key);
        if (energy->present >> d & 1)
            annotate_number(p, key, energy->nj[d]);
    }
}

static void describe(struct perfetto *p, uint64_t uuid, uint64_t parent, const char *name)
{
    erg_buf_clear(&p->event);
    erg_pb_uint(&p->event, TRACK_UUID, uuid);
    if (parent)
        erg_pb_uint(&p->event, TRACK_PARENT, parent);
    if (name)
        erg_pb_text(&p->event, TRACK_NAME, clean(p, name, strlen(name)));
}

static void put_descriptor(struct perfetto *p)
{
    begin_packet(p);
    erg_pb_message(&p->packet, PACKET_TRACK_DESCRIPTOR, &p->event);
    put_packet(p);
}

static uint64_t uuid_of(uint32_t track)
{
    if (track == ERG_TRACE_TREE)
        return TREE_UUID;
    return track == ERG_TRACE_TOKENS ? TOKENS_UUID
                                     : FIRST_SECTION_UUID + (track - ERG_TRACE_SECTIONS);
}

static void on_begin(void *user, const struct erg_trace_slice *slice)
{
    struct perfetto *p = user;
    if (p->rc)
        return;
    const char *name = clean(p, slice->name, strlen(slice->name));
    uint32_t category = intern(p, CATEGORIES, erg_trace_kind_name(slice->kind));
    uint32_t number = slice->kind == ERG_TRACE_TOKEN ? 0 : intern(p, NAMES, name);
    erg_buf_clear(&p->event);
    erg_pb_uint(&p->event, EVENT_TYPE, TYPE_BEGIN);
    erg_pb_uint(&p->event, EVENT_TRACK, uuid_of(slice->track));
    erg_pb_uint(&p->event, EVENT_CATEGORY_IID, category);
    if (number)
        erg_pb_uint(&p->event, EVENT_NAME_IID, number);
    else
        erg_pb_text(&p->event, EVENT_NAME, name);
    annotate_energy(p, slice->energy, slice->by_domain);
    annotate(p, slice->args, slice->n_args);
    put_event(p, slice->t0_ns);
}

static void on_end(void *user, uint32_t track, int64_t t_ns)
{
    struct perfetto *p = user;
    erg_buf_clear(&p->event);
    erg_pb_uint(&p->event, EVENT_TYPE, TYPE_END);
    erg_pb_uint(&p->event, EVENT_TRACK, uuid_of(track));
    begin_packet(p);
    erg_pb_int(&p->packet, PACKET_TIMESTAMP, t_ns);
    erg_pb_message(&p->packet, PACKET_TRACK_EVENT, &p->event);
    put_packet(p);
}

/* Counters of a unit share their axis. */
static void describe_counter(struct perfetto *p, uint32_t counter)
{
    const char *unit = erg_trace_counter_unit(counter);
    char name[32];
    erg_trace_counter_name(counter, name, sizeof name);
    describe(p, FIRST_COUNTER_UUID + counter, PROCESS_UUID, name);
    erg_buf_clear(&p->inner);
    erg_pb_text(&p->inner, COUNTER_UNIT_NAME, unit);
    erg_pb_text(&p->inner, COUNTER_AXIS, unit);
    erg_pb_message(&p->event, TRACK_COUNTER, &p->inner);
    put_descriptor(p);
    p->described |= 1u << counter;
}

static void on_counter(void *user, uint32_t counter, int64_t t_ns, double value)
{
    struct perfetto *p = user;
    if (!(p->described >> counter & 1))
        describe_counter(p, counter);
    erg_buf_clear(&p->event);
    erg_pb_uint(&p->event, EVENT_TYPE, TYPE_COUNTER);
    erg_pb_uint(&p->event, EVENT_TRACK, FIRST_COUNTER_UUID + counter);
    erg_pb_double(&p->event, EVENT_DOUBLE_COUNTER, value);
    begin_packet(p);
    erg_pb_int(&p->packet, PACKET_TIMESTAMP, t_ns);
    erg_pb_message(&p->packet, PACKET_TRACK_EVENT, &p->event);
    put_packet(p);
}

static void on_track(void *user, uint32_t track, const char *name)
{
    struct perfetto *p = user;
    if (track == ERG_TRACE_SECTIONS) {
        describe(p, SECTIONS_UUID, PROCESS_UUID, "sections");
        put_descriptor(p);
    }
    describe(p, uuid_of(track), SECTIONS_UUID, name);
    put_descriptor(p);
}

static void on_start(void *user)
{
    struct perfetto *p = user;
    describe(p, PROCESS_UUID, 0, NULL);
    erg_buf_clear(&p->inner);
    erg_pb_uint(&p->inner, PROCESS_PID, PID);
    erg_pb_text(&p->inner, PROCESS_NAME, "ergon");
    erg_pb_message(&p->event, TRACK_PROCESS, &p->inner);
    begin_packet(p);
    erg_pb_uint(&p->packet, PACKET_FIRST_ON_SEQUENCE, 1);
    erg_pb_uint(&p->packet, PACKET_SEQUENCE_FLAGS, FLAG_STATE_CLEARED);
    erg_pb_message(&p->packet, PACKET_TRACK_DESCRIPTOR, &p->event);
    put_packet(p);
    describe(p, TREE_UUID, PROCESS_UUID, "inference");
    put_descriptor(p);
    describe(p, TOKENS_UUID, PROCESS_UUID, "tokens");
    put_descriptor(p);
}

static int status(void *user)
{
    return ((const struct perfetto *)user)->rc;
}

static int write_perfetto(const struct erg_export_request *request, struct erg_err *err)
{
    struct perfetto p = {0};
    const struct erg_trace_writer writer = {&p,     on_start,   on_track, on_begin,
                                            on_end, on_counter, status};
    erg_out_init(&p.out, request, err);
    int rc = erg_trace_walk(request, &writer, err);
    if (rc == 0)
        rc = erg_out_flush(&p.out);
    struct erg_buf *const buffers[] = {&p.packet, &p.event, &p.inner, &p.text, &p.fresh};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        erg_buf_deinit(buffers[i]);
    for (size_t i = 0; i < INDEXES; i++)
        erg_intern_deinit(&p.interns[i]);
    erg_out_deinit(&p.out);
    return rc;
}

const struct erg_exporter erg_export_perfetto = {
    .name = "perfetto",
    .summary = "a timeline for ui.perfetto.dev",
    .media_type = "application/vnd.perfetto-trace",
    .extension = "pftrace",
    .write = write_perfetto,
};
