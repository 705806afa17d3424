/* SPDX-License-Identifier: MIT */
#include "export/read_trace.h"

#include "base/utf8.h"
#include "test.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static char *copy(const void *bytes, size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    memcpy(text, bytes, len);
    text[len] = '\0';
    assert_true(erg_utf8_valid(text, len));
    return text;
}

static struct trace_slice *add_slice(struct trace *trace)
{
    if (trace->n_slices == trace->slice_capacity) {
        trace->slice_capacity = trace->slice_capacity ? 2 * trace->slice_capacity : 64;
        trace->slices = realloc(trace->slices, trace->slice_capacity * sizeof *trace->slices);
        assert_non_null(trace->slices);
    }
    struct trace_slice *slice = &trace->slices[trace->n_slices++];
    *slice = (struct trace_slice){.parent = -1, .is_leaf = true};
    return slice;
}

static void add_value(struct trace *trace, const char *counter, int64_t t_ns, double value)
{
    if (trace->n_values == trace->value_capacity) {
        trace->value_capacity = trace->value_capacity ? 2 * trace->value_capacity : 64;
        trace->values = realloc(trace->values, trace->value_capacity * sizeof *trace->values);
        assert_non_null(trace->values);
    }
    assert_true(t_ns >= 0);
    trace->values[trace->n_values++] =
        (struct trace_value){copy(counter, strlen(counter)), t_ns, value};
}

static void add_number(struct trace_slice *slice, const char *key, int64_t nj)
{
    static const char *const domains[] = {"cpu_", "gpu_", "ane_", "dram_", "soc_", "other_"};
    if (strncmp(key, "energy_", 7) == 0) {
        assert_false(slice->has_energy);
        slice->has_energy = true;
        slice->energy_nj = nj;
    }
    for (size_t d = 0; d < ERG_COUNT(domains); d++) {
        if (strncmp(key, domains[d], strlen(domains[d])) == 0) {
            slice->domain_nj[d] = nj;
            slice->domains |= 1u << d;
        }
    }
}

static void add_text(struct trace_slice *slice, const char *key, const char *text, size_t len)
{
    if (strcmp(key, "text") == 0) {
        slice->text = copy(text, len);
        slice->text_len = len;
    } else if (strcmp(key, "run_id") == 0) {
        slice->run_id = copy(text, len);
    }
}

void free_trace(struct trace *trace)
{
    for (size_t i = 0; i < trace->n_slices; i++) {
        struct trace_slice *slice = &trace->slices[i];
        free(slice->name);
        free(slice->category);
        free(slice->track);
        free(slice->text);
        free(slice->run_id);
    }
    for (size_t i = 0; i < trace->n_values; i++)
        free(trace->values[i].counter);
    free(trace->slices);
    free(trace->values);
    *trace = (struct trace){0};
}

/* --- protocol buffers ------------------------------------------------------------------------- */

struct field {
    uint32_t number, wire;
    uint64_t value; /* varint, or the bits of a fixed64 */
    const unsigned char *bytes;
    size_t len;
};

struct message {
    const unsigned char *at, *end;
};

static uint64_t varint(struct message *m)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(m->at < m->end && shift < 64);
        unsigned char byte = *m->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            assert_true(byte || !shift); /* the shortest form */
            return value;
        }
    }
}

static bool next_field(struct message *m, struct field *out)
{
    if (m->at == m->end)
        return false;
    uint64_t tag = varint(m);
    *out = (struct field){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
    assert_true(out->number > 0);
    if (out->wire == 0) {
        out->value = varint(m);
    } else if (out->wire == 1) {
        assert_true(m->end - m->at >= 8);
        for (int i = 0; i < 8; i++)
            out->value |= (uint64_t)m->at[i] << 8 * i;
        m->at += 8;
    } else {
        assert_int_equal(out->wire, 2);
        out->len = varint(m);
        assert_true(out->len <= (size_t)(m->end - m->at));
        out->bytes = m->at;
        m->at += out->len;
    }
    return true;
}

static struct message inner(const struct field *field)
{
    assert_int_equal(field->wire, 2);
    return (struct message){field->bytes, field->bytes + field->len};
}

/* --- perfetto --------------------------------------------------------------------------------- */

enum { INDEXES = 4, NAMES = 20000, TRACKS = 256, DEPTH = 16 };

struct reader {
    struct trace trace;
    char *interned[INDEXES][NAMES];
    bool begun;
    struct {
        uint64_t uuid, parent;
        char *name;
        bool is_counter, is_process;
        char unit[8];
        int64_t last_ns;
        long open[DEPTH];
        int depth;
    } tracks[TRACKS];
    size_t n_tracks;
};

static size_t track_of(const struct reader *r, uint64_t uuid)
{
    for (size_t i = 0; i < r->n_tracks; i++) {
        if (r->tracks[i].uuid == uuid)
            return i;
    }
    fail_msg("track %lu is not described", (unsigned long)uuid);
    return 0;
}

static void read_interned(struct reader *r, struct message m)
{
    struct field index, field;
    while (next_field(&m, &index)) {
        struct message entry = inner(&index);
        uint64_t iid = 0;
        char *text = NULL;
        assert_in_range(index.number, 1, 3);
        while (next_field(&entry, &field)) {
            if (field.number == 1)
                iid = field.value;
            else if (field.number == 2)
                text = copy(field.bytes, field.len);
        }
        assert_true(iid > 0 && iid < NAMES && text);
        assert_null(r->interned[index.number][iid]); /* never given twice */
        r->interned[index.number][iid] = text;
    }
}

static const char *interned(const struct reader *r, int index, uint64_t iid)
{
    assert_true(iid > 0 && iid < NAMES && r->interned[index][iid]);
    return r->interned[index][iid];
}

static void read_descriptor(struct reader *r, struct message m)
{
    struct field field, in;
    assert_true(r->n_tracks < TRACKS);
    size_t i = r->n_tracks++;
    while (next_field(&m, &field)) {
        if (field.number == 1)
            r->tracks[i].uuid = field.value;
        else if (field.number == 2)
            r->tracks[i].name = copy(field.bytes, field.len);
        else if (field.number == 3)
            r->tracks[i].is_process = true;
        else if (field.number == 5)
            r->tracks[i].parent = field.value;
        if (field.number != 8)
            continue;
        r->tracks[i].is_counter = true;
        for (struct message counter = inner(&field); next_field(&counter, &in);) {
            if (in.number == 6 && in.len < sizeof r->tracks[i].unit)
                memcpy(r->tracks[i].unit, in.bytes, in.len);
        }
    }
    assert_true(r->tracks[i].uuid > 0);
    assert_int_equal(track_of(r, r->tracks[i].uuid), i); /* no two of one uuid */
    if (r->tracks[i].parent)
        track_of(r, r->tracks[i].parent);
    assert_true(r->tracks[i].name || r->tracks[i].is_process);
}

static void read_annotation(const struct reader *r, struct message m, struct trace_slice *slice)
{
    struct field field;
    const char *key = NULL;
    while (next_field(&m, &field)) {
        if (field.number == 1)
            key = interned(r, 3, field.value);
        assert_non_null(key);
        if (field.number == 4 && strcmp(key, "origin_ns") == 0)
            slice->origin_ns = (int64_t)field.value;
        else if (field.number == 4)
            add_number(slice, key, (int64_t)field.value);
        else if (field.number == 6)
            add_text(slice, key, (const char *)field.bytes, field.len);
    }
}

static void read_begin(struct reader *r, struct message m, size_t track, int64_t t_ns)
{
    struct field field;
    long index = (long)r->trace.n_slices;
    struct trace_slice *slice = add_slice(&r->trace);
    while (next_field(&m, &field)) {
        if (field.number == 3)
            slice->category = strdup(interned(r, 1, field.value));
        else if (field.number == 4)
            read_annotation(r, inner(&field), slice);
        else if (field.number == 10)
            slice->name = strdup(interned(r, 2, field.value));
        else if (field.number == 23)
            slice->name = copy(field.bytes, field.len);
    }
    assert_true(slice->name && slice->category);
    slice->track = strdup(r->tracks[track].name);
    slice->t0_ns = t_ns;
    if (r->tracks[track].depth) {
        slice->parent = r->tracks[track].open[r->tracks[track].depth - 1];
        r->trace.slices[slice->parent].is_leaf = false;
    }
    assert_true(r->tracks[track].depth < DEPTH);
    r->tracks[track].open[r->tracks[track].depth++] = index;
}

static void read_event(struct reader *r, struct message m, int64_t t_ns)
{
    struct message again = m;
    struct field field;
    uint64_t type = 0, uuid = 0;
    double value = NAN;
    while (next_field(&m, &field)) {
        if (field.number == 9)
            type = field.value;
        else if (field.number == 11)
            uuid = field.value;
        else if (field.number == 44)
            memcpy(&value, &field.value, sizeof value);
    }
    size_t track = track_of(r, uuid);
    if (t_ns < r->tracks[track].last_ns)
        fail_msg("%s: %ld after %ld", r->tracks[track].name, (long)t_ns,
                 (long)r->tracks[track].last_ns);
    r->tracks[track].last_ns = t_ns;
    assert_int_equal(type == 4, r->tracks[track].is_counter);
    if (type == 1) {
        read_begin(r, again, track, t_ns);
    } else if (type == 2) {
        assert_true(r->tracks[track].depth > 0);
        r->trace.slices[r->tracks[track].open[--r->tracks[track].depth]].t1_ns = t_ns;
    } else {
        assert_int_equal(type, 4);
        bool is_power = strncmp(r->tracks[track].name, "power", 5) == 0;
        assert_string_equal(r->tracks[track].unit, is_power ? "mW" : "mJ");
        add_value(&r->trace, r->tracks[track].name, t_ns, value);
    }
}

static void read_packet(struct reader *r, struct message m)
{
    struct message again = m;
    struct field field;
    int64_t t_ns = -1;
    uint64_t sequence = 0, flags = 0;
    while (next_field(&m, &field)) {
        if (field.number == 8)
            t_ns = (int64_t)field.value;
        else if (field.number == 10)
            sequence = field.value;
        else if (field.number == 12)
            read_interned(r, inner(&field));
        else if (field.number == 13)
            flags = field.value;
    }
    assert_int_equal(sequence, 1);
    assert_int_equal(flags & 1, !r->begun);
    r->begun = true;
    while (next_field(&again, &field)) {
        if (field.number == 60)
            read_descriptor(r, inner(&field));
        if (field.number == 11) {
            assert_true(t_ns >= 0);
            read_event(r, inner(&field), t_ns);
        }
    }
}

struct trace read_perfetto(const struct erg_buf *bytes)
{
    struct reader *r = calloc(1, sizeof *r);
    const unsigned char *data = (const unsigned char *)bytes->data;
    struct message m = {data, data + bytes->len};
    struct field field;
    assert_non_null(r);
    while (next_field(&m, &field)) {
        assert_int_equal(field.number, 1);
        if (field.len > r->trace.most_bytes)
            r->trace.most_bytes = field.len;
        read_packet(r, inner(&field));
    }
    for (size_t i = 0; i < r->n_tracks; i++) {
        assert_int_equal(r->tracks[i].depth, 0);
        free(r->tracks[i].name);
    }
    for (size_t i = 0; i < INDEXES * (size_t)NAMES; i++)
        free(r->interned[i / NAMES][i % NAMES]);
    struct trace trace = r->trace;
    free(r);
    return trace;
}

/* --- chrome ----------------------------------------------------------------------------------- */

static int64_t thousandths(const json_t *number)
{
    assert_true(json_is_number(number));
    return llround(json_number_value(number) * 1000);
}

struct lane {
    char *name;
    long open[DEPTH];
    int depth;
    int64_t last_ns;
};

static int rank(const char *category)
{
    static const char *const order[] = {"run",   "phase",     "section",   "pass",
                                        "layer", "component", "operation", "unattributed"};
    for (size_t i = 0; i < ERG_COUNT(order); i++) {
        if (strcmp(order[i], category) == 0)
            return (int)i;
    }
    return 0;
}

/* Complete events come parents first. A slice without length is in the one before it that has none
 * either, if it can be. */
static void nest(struct trace *trace, struct lane *lane, long index)
{
    struct trace_slice *slice = &trace->slices[index];
    assert_true(slice->t0_ns >= lane->last_ns);
    lane->last_ns = slice->t0_ns;
    while (lane->depth) {
        const struct trace_slice *top = &trace->slices[lane->open[lane->depth - 1]];
        bool inside = top->t0_ns == top->t1_ns && top->t0_ns == slice->t0_ns &&
                      slice->t1_ns == slice->t0_ns && rank(slice->category) > rank(top->category);
        bool last = slice->t0_ns == slice->t1_ns && slice->t0_ns == top->t1_ns &&
                    rank(top->category) < 4 && rank(slice->category) > rank(top->category);
        if (top->t1_ns > slice->t0_ns || inside || last)
            break;
        lane->depth--;
    }
    if (lane->depth) {
        slice->parent = lane->open[lane->depth - 1];
        assert_true(slice->t1_ns <= trace->slices[slice->parent].t1_ns);
        trace->slices[slice->parent].is_leaf = false;
    }
    assert_true(lane->depth < DEPTH);
    lane->open[lane->depth++] = index;
}

static void read_complete(struct trace *trace, struct lane *lanes, const json_t *event)
{
    const char *key;
    const json_t *value;
    long index = (long)trace->n_slices;
    struct trace_slice *slice = add_slice(trace);
    json_int_t tid = json_integer_value(json_object_get(event, "tid"));
    assert_in_range(tid, 1, TRACKS - 1);
    assert_non_null(lanes[tid].name);
    slice->track = strdup(lanes[tid].name);
    slice->name = strdup(json_string_value(json_object_get(event, "name")));
    slice->category = strdup(json_string_value(json_object_get(event, "cat")));
    slice->t0_ns = thousandths(json_object_get(event, "ts"));
    slice->t1_ns = slice->t0_ns + thousandths(json_object_get(event, "dur"));
    assert_true(slice->t1_ns >= slice->t0_ns);
    json_object_foreach(json_object_get(event, "args"), key, value)
    {
        if (json_is_string(value))
            add_text(slice, key, json_string_value(value), json_string_length(value));
        else if (strcmp(key, "origin_ns") == 0)
            slice->origin_ns = json_integer_value(value);
        else
            add_number(slice, key, llround(json_number_value(value) * 1e6));
    }
    nest(trace, &lanes[tid], index);
}

static void read_chrome_event(struct trace *trace, struct lane *lanes, const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "ph"));
    const char *name = json_string_value(json_object_get(event, "name"));
    const json_t *args = json_object_get(event, "args");
    json_int_t tid = json_integer_value(json_object_get(event, "tid"));
    assert_true(type && name);
    assert_int_equal(json_integer_value(json_object_get(event, "pid")), 1);
    if (strcmp(type, "X") == 0) {
        read_complete(trace, lanes, event);
    } else if (strcmp(type, "C") == 0) {
        const char *unit = strncmp(name, "power", 5) == 0 ? "mW" : "mJ";
        assert_int_equal(json_object_size(args), 1);
        add_value(trace, name, thousandths(json_object_get(event, "ts")),
                  json_number_value(json_object_get(args, unit)));
    } else {
        assert_string_equal(type, "M");
        if (strcmp(name, "thread_name") == 0) {
            assert_in_range(tid, 1, TRACKS - 1);
            assert_null(lanes[tid].name);
            lanes[tid].name = strdup(json_string_value(json_object_get(args, "name")));
        }
    }
}

struct trace read_chrome(const struct erg_buf *bytes)
{
    struct trace trace = {0};
    json_error_t error;
    json_t *root =
        json_loadb(bytes->data, bytes->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    struct lane *lanes = calloc(TRACKS, sizeof *lanes);
    size_t i;
    json_t *event;
    if (!root)
        fail_msg("%s at %d", error.text, error.position);
    assert_non_null(lanes);
    json_array_foreach(json_object_get(root, "traceEvents"), i, event)
    {
        read_chrome_event(&trace, lanes, event);
    }
    for (i = 0; i < TRACKS; i++)
        free(lanes[i].name);
    free(lanes);
    json_decref(root);
    return trace;
}
