/* SPDX-License-Identifier: MIT */
#include "renew.h"
#include "stream/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum_bytes(const void *bytes, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += ((const unsigned char *)bytes)[i];
    return sum;
}

static uint64_t sum_pass(const struct erg_reader *reader, const struct erg_pass_view *pass)
{
    const float *columns[] = {pass->flops, pass->bytes,    pass->mean, pass->std,
                              pass->max,   pass->sparsity, pass->extra};
    uint64_t sum = 0, duration_ns = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        duration_ns += pass->duration_ns[i];
        sum += (uint64_t)pass->layer[i] + strlen(erg_reader_name(reader, pass->component[i]));
        sum += strlen(erg_reader_name(reader, pass->operation ? pass->operation[i] : 0));
        for (int k = 0; k < 7; k++)
            sum += columns[k] && columns[k][i] > 0;
    }
    if (duration_ns > (uint64_t)pass->head.t1_ns - (uint64_t)pass->head.t0_ns)
        abort();
    return sum;
}

static uint64_t sum_attention(const struct erg_attention_view *view)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < view->head.heads; i++)
        sum += (view->entropy[i] > 0) + (view->max_weight[i] > 0) + (view->sparsity[i] > 0);
    return sum;
}

static uint64_t sum_routing(const struct erg_routing_view *view)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < view->head.tokens * view->head.used; i++) {
        if (view->expert[i] >= view->head.experts)
            abort();
        sum += view->expert[i] + (view->weight[i] > 0);
    }
    return sum;
}

/* Touch everything an event points to. */
static uint64_t walk(const struct erg_reader *reader, const struct erg_event *event)
{
    uint64_t sum = sum_bytes(event->record, event->record_bytes);
    sum += sum_bytes(event->text.bytes, event->text.len);
    if (event->type == ERG_REC_PASS)
        sum += sum_pass(reader, &event->pass);
    sum += sum_attention(&event->attention) + sum_routing(&event->routing);
    for (uint32_t i = 0; i < event->reading.count; i++)
        sum += (uint64_t)event->reading.values[i].value + event->reading.values[i].channel;
    if (event->name)
        sum += strlen(erg_reader_name(reader, event->name));
    return sum;
}

static void read_stream(const unsigned char *bytes, size_t size, size_t chunk)
{
    struct erg_reader *reader;
    struct erg_event event;
    struct erg_err err;
    volatile uint64_t sum = 0;
    int rc = 0;
    if (erg_reader_new(&reader, &err))
        abort();
    for (size_t at = 0; at < size; at += chunk) {
        if (erg_reader_feed(reader, bytes + at, chunk < size - at ? chunk : size - at, &err))
            abort();
        while ((rc = erg_reader_next(reader, &event, &err)) == 1)
            sum = sum + walk(reader, &event);
    }
    if (erg_reader_offset(reader) + erg_reader_pending(reader) != size)
        abort();
    erg_reader_free(reader);
}

/* The input is taken twice: as it is and whole, and in chunks with its check values renewed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_stream(data, size, size);
    unsigned char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    renew_checks(copy, size);
    /* any size of chunk, but few so small that little else would be done */
    unsigned pick = size ? data[size / 2] : 0;
    read_stream(copy, size, 1 + pick * pick / 64);
    free(copy);
    return 0;
}
