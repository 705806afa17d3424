/* SPDX-License-Identifier: MIT */
#include "model/blueprint.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A `synth:` specification from anywhere: what is taken can be described, and has a size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct erg_blueprint blueprint;
    struct erg_model_info info;
    struct erg_err err = {.text = ""};
    char *spec = malloc(size + 1);
    if (!spec)
        return 0;
    memcpy(spec, data, size);
    spec[size] = '\0';
    int rc = erg_blueprint_parse(spec, &blueprint, &err);
    if (rc && (err.code != rc || !*err.text))
        abort();
    if (rc == 0) {
        erg_blueprint_describe(&blueprint, &info);
        if (info.parameters <= 0 || info.tensor_bytes <= 0 || info.file_bytes < info.tensor_bytes ||
            info.layers != blueprint.shape.layers || erg_blueprint_misfits(&blueprint) < 0)
            abort();
    }
    free(spec);
    return 0;
}
