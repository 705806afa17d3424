/* SPDX-License-Identifier: MIT */
#include "export/recorded.h"

#include "record/session.h"

struct recorded recorded_open(const struct recording_shape *shape)
{
    struct recorded recorded = {.temp = temp_store_new()};
    struct erg_run_result result;
    struct erg_buf recording;
    struct erg_err err = {0};
    char path[160];
    bool torn;
    erg_buf_init(&recording);
    make_recording(&recording, shape);
    snprintf(path, sizeof path, "%s/x.erg", recorded.temp.folder);
    write_file(path, recording.data, recording.len);
    if (erg_import(path, recorded.temp.path, &result, &torn, &err))
        fail_msg("%s", err.text);
    erg_run_result_deinit(&result);
    erg_buf_deinit(&recording);
    unlink(path);
    assert_int_equal(
        erg_store_open(&recorded.store, recorded.temp.path, ERG_STORE_READ, NULL, NULL), 0);
    return recorded;
}

void recorded_close(struct recorded *recorded)
{
    erg_store_close(recorded->store);
    temp_store_remove(&recorded->temp);
}
