/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_TENSOR_DUMP_H
#define ERG_TESTS_TENSOR_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a run with `dump_tensors` has written: every tensor of its passes. */
enum { TENSOR_NAME_BYTES = 64 };

/* Head of a tensor in the file; its elements follow. */
struct tensor_head {
    int64_t node, ne[4];
    char op[TENSOR_NAME_BYTES], name[TENSOR_NAME_BYTES], weight[TENSOR_NAME_BYTES];
};

struct tensor {
    struct tensor_head head;
    const char *values; /* float32, without gaps */
    bool unnamed;       /* by libllama; ggml calls it "node_NN" */
    int ordinal;        /* how many of this operation, named or not as it is, came before it */
};

/* What one pass computed. */
struct computed {
    struct tensor *tensors;
    size_t count;
};

struct dump {
    char *bytes;
    struct computed *passes;
    size_t pass_count;
};

void dump_read(const char *path, struct dump *out);
void dump_deinit(struct dump *dump);

int64_t tensor_elements(const struct tensor *tensor);
float tensor_value(const struct tensor *tensor, int64_t i);

/* Whether a text is the pattern, in which "%d" stands for the layer; NULL is any text. */
bool tensor_text_is(const char *pattern, int layer, const char *text);

#endif
