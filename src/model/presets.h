/* SPDX-License-Identifier: MIT */
#ifndef ERG_MODEL_PRESETS_H
#define ERG_MODEL_PRESETS_H

#include "model/blueprint.h"

/* The dimensions of a public model, as its config.json states them. */
struct erg_preset {
    const char *name;  /* "llama-3.2-1b" */
    const char *title; /* "Llama 3.2 1B" */
    const char *architecture;
    struct erg_shape shape;
};

/* By family and size; NULL behind the last. */
const struct erg_preset *erg_preset_at(size_t i);
const struct erg_preset *erg_preset_find(const char *name);

#endif
