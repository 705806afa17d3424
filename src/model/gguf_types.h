/* SPDX-License-Identifier: MIT */
#ifndef ERG_MODEL_GGUF_TYPES_H
#define ERG_MODEL_GGUF_TYPES_H

#include <stdint.h>

/* How a tensor type is stored: `block` elements in `block_bytes` bytes. */
struct erg_tensor_type {
    const char *name;
    uint32_t block;
    uint32_t block_bytes;
};

enum { ERG_TENSOR_TYPES = 48 };

/* NULL for a type id that is not known. */
const struct erg_tensor_type *erg_tensor_type(uint32_t id);

/* Name of a `general.file_type`; NULL when it is not known. */
const char *erg_file_type_name(uint64_t file_type);

#endif
