/* SPDX-License-Identifier: MIT */
#include "engine/tensor_dump.h"

#include "base/mem.h"
#include "base/root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int64_t tensor_elements(const struct tensor *tensor)
{
    const int64_t *ne = tensor->head.ne;
    return ne[0] * ne[1] * ne[2] * ne[3];
}

float tensor_value(const struct tensor *tensor, int64_t i)
{
    float value;
    memcpy(&value, tensor->values + (size_t)i * sizeof(value), sizeof(value));
    return value;
}

static void add_tensor(struct dump *dump, const struct tensor *tensor)
{
    struct computed *pass = dump->pass_count ? &dump->passes[dump->pass_count - 1] : NULL;
    if (!pass || pass->tensors[pass->count - 1].head.node >= tensor->head.node) {
        dump->passes = erg_realloc(dump->passes, (dump->pass_count + 1) * sizeof(*dump->passes));
        assert_non_null(dump->passes);
        pass = &dump->passes[dump->pass_count++];
        memset(pass, 0, sizeof(*pass));
    }
    pass->tensors = erg_realloc(pass->tensors, (pass->count + 1) * sizeof(*pass->tensors));
    assert_non_null(pass->tensors);
    struct tensor *into = &pass->tensors[pass->count++];
    *into = *tensor;
    into->unnamed = strncmp(tensor->head.name, "node_", 5) == 0;
    for (const struct tensor *t = pass->tensors; t < into; t++) {
        into->ordinal += strcmp(t->head.op, tensor->head.op) == 0 && t->unnamed == into->unnamed;
    }
}

void dump_read(const char *path, struct dump *out)
{
    struct erg_err err;
    size_t len;
    memset(out, 0, sizeof(*out));
    if (erg_read_file(path, 512 << 20, &out->bytes, &len, &err) != 0) {
        fail_msg("%s", err.text);
    }
    for (size_t at = 0; at < len;) {
        struct tensor tensor = {0};
        assert_true(len - at >= sizeof(tensor.head));
        memcpy(&tensor.head, out->bytes + at, sizeof(tensor.head));
        at += sizeof(tensor.head);
        tensor.values = out->bytes + at;
        at += (size_t)tensor_elements(&tensor) * sizeof(float);
        assert_true(at <= len);
        add_tensor(out, &tensor);
    }
}

void dump_deinit(struct dump *dump)
{
    for (size_t i = 0; i < dump->pass_count; i++) {
        free(dump->passes[i].tensors);
    }
    free(dump->passes);
    free(dump->bytes);
}

bool tensor_text_is(const char *pattern, int layer, const char *text)
{
    char expected[TENSOR_NAME_BYTES];
    const char *digits = pattern ? strstr(pattern, "%d") : NULL;
    if (!pattern || !digits) {
        return !pattern || strcmp(pattern, text) == 0;
    }
    snprintf(expected, sizeof(expected), "%.*s%d%s", (int)(digits - pattern), pattern, layer,
             digits + 2);
    return strcmp(expected, text) == 0;
}
