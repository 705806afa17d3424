/* SPDX-License-Identifier: MIT */
#include "model/gguf.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Model files are downloaded by users: any bytes give facts or a reason. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct erg_model_info info;
    struct erg_err err = {0};
    int rc = erg_gguf_parse(data, size, &info, &err);
    if (rc) {
        assert(rc == err.code && err.text[0]);
        return 0;
    }
    assert(info.architecture[0] && memchr(info.name, '\0', sizeof info.name));
    assert(info.parameters >= 0 && info.tensor_bytes >= 0 &&
           info.tensor_bytes <= info.file_bytes * 8);
    struct erg_buf json;
    struct erg_jsonw w;
    erg_buf_init(&json);
    erg_jsonw_init(&w, &json);
    erg_model_write_json(&w, "model.gguf", &info);
    assert(erg_buf_status(&json) == 0);
    erg_buf_deinit(&json);
    return 0;
}
