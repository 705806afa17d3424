/* SPDX-License-Identifier: MIT */
/* Writes the seeds of fuzz/corpus/stream: make_corpus FOLDER. */
#include "stream/sample.h"
#include "stream/writer.h"

#include <stdio.h>

static int write_seed(const char *folder, const char *name, const void *bytes, size_t len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wbe");
    if (!file)
        return 1;
    size_t written = fwrite(bytes, 1, len, file);
    return fclose(file) || written != len;
}

int main(int argc, char **argv)
{
    struct erg_buf stream = {0}, other = {0};
    char name[32];
    int failed = argc != 2;
    sample_stream(&stream);
    if (!failed) {
        failed |= write_seed(argv[1], "all", stream.data, stream.len);
        failed |= write_seed(argv[1], "torn", stream.data, stream.len - 13);
        failed |= write_seed(argv[1], "preamble", stream.data, ERG_PREAMBLE_BYTES);
    }
    erg_write_preamble(&other);
    erg_write_record(&other, (enum erg_record_type)99, "unknown", 7);
    for (size_t at = ERG_PREAMBLE_BYTES; at < stream.len && !failed;) {
        uint32_t bytes;
        uint16_t type;
        memcpy(&bytes, stream.data + at, 4);
        memcpy(&type, stream.data + at + 4, 2);
        size_t whole = ERG_RECORD_HEADER_BYTES + (size_t)erg_format_padded(bytes);
        if (type == ERG_REC_NAME) {
            erg_buf_append(&other, stream.data + at, whole);
        } else { /* the names, the pass once it came, then this record alone */
            size_t len = other.len;
            erg_buf_append(&other, stream.data + at, whole);
            snprintf(name, sizeof name, "type-%u", type);
            failed |= write_seed(argv[1], name, other.data, other.len);
            if (type != ERG_REC_PASS)
                other.len = len;
        }
        at += whole;
    }
    erg_buf_deinit(&stream);
    erg_buf_deinit(&other);
    return failed;
}
