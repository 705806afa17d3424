/* SPDX-License-Identifier: MIT */
#include "power/powermetrics_sample.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len)
{
    struct erg_powermetrics_sample sample;
    struct erg_err err = {.text = ""};
    int rc = erg_powermetrics_parse(text, len, &sample, &err);
    if (rc) {
        if (err.code != rc || !*err.text)
            abort();
        return;
    }
    if (sample.elapsed_ns <= 0 || sample.cluster_count > ERG_MAX_CLUSTERS)
        abort();
    for (int rail = 0; rail < ERG_RAILS; rail++) {
        if (sample.nj[rail] < 0 || (sample.nj[rail] && !(sample.present >> rail & 1)))
            abort();
    }
}

/* All documents of a stream that comes in pieces of `piece` bytes; how many and how long. */
static void run(const char *bytes, size_t size, size_t piece, size_t *out_count, size_t *out_bytes)
{
    struct erg_plist_stream stream;
    const char *text;
    size_t len;
    erg_plist_stream_init(&stream);
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        if (erg_plist_stream_feed(&stream, bytes + at, n))
            abort();
        while (erg_plist_stream_next(&stream, &text, &len)) {
            check(text, len);
            ++*out_count;
            *out_bytes += len;
        }
    }
    erg_plist_stream_deinit(&stream);
}

/* A stream of powermetrics: the same documents in it, however it is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = 0, bytes = 0, count_cut = 0, bytes_cut = 0;
    size_t piece = size ? data[0] % 61 + 1 : 1;
    run((const char *)data, size, size + 1, &count, &bytes);
    run((const char *)data, size, piece, &count_cut, &bytes_cut);
    if (count != count_cut || bytes != bytes_cut)
        abort();
    return 0;
}
