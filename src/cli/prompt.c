/* SPDX-License-Identifier: MIT */
#include "cli/prompt.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/root.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_stdin(char **out_text, size_t *out_len, struct erg_err *err)
{
    struct erg_buf buf = {0};
    char part[65536];
    for (;;) {
        ssize_t n = read(STDIN_FILENO, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            erg_buf_deinit(&buf);
            return erg_fail_errno(err, errno, "cannot read standard input");
        }
        if (n == 0)
            break;
        erg_buf_append(&buf, part, (size_t)n);
        if (erg_buf_status(&buf) || buf.len > ERG_MAX_PROMPT_BYTES) {
            erg_buf_deinit(&buf);
            return erg_fail(err, ERG_INVALID, "the prompt is longer than %u bytes",
                            ERG_MAX_PROMPT_BYTES);
        }
    }
    *out_len = buf.len;
    *out_text = erg_buf_take(&buf);
    return *out_text ? 0 : erg_fail(err, ERG_NOMEM, "no memory for the prompt");
}

/* Engines get the prompt as JSON, with everything else they are told in one document. */
enum { MAX_ESCAPED_BYTES = ERG_MAX_JSON_BYTES - (1 << 20) };

static size_t escaped_bytes(const char *text, size_t len)
{
    size_t bytes = len;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bytes += c == '"' || c == '\\' || strchr("\b\f\n\r\t", c) ? 1
                 : c < 0x20 || c == 0x7f                          ? 5
                                                                  : 0;
    }
    return bytes;
}

static int check(const char *text, size_t len, struct erg_err *err)
{
    if (len > ERG_MAX_PROMPT_BYTES)
        return erg_fail(err, ERG_INVALID, "the prompt is longer than %u bytes",
                        ERG_MAX_PROMPT_BYTES);
    for (size_t i = 0; i < len;) {
        size_t step = erg_utf8_step(text + i, len - i);
        if (!step)
            return erg_fail(err, ERG_INVALID, "the prompt is not UTF-8: byte 0x%02x at offset %zu",
                            (unsigned char)text[i], i);
        if (!text[i])
            return erg_fail(err, ERG_INVALID, "the prompt holds a NUL byte at offset %zu", i);
        i += step;
    }
    if (escaped_bytes(text, len) > MAX_ESCAPED_BYTES)
        return erg_fail(err, ERG_INVALID,
                        "the prompt is longer than %d bytes with its control characters written "
                        "out, as engines get it",
                        MAX_ESCAPED_BYTES);
    return 0;
}

static int split_lines(struct erg_prompts *prompts, size_t len)
{
    char *text = prompts->text;
    size_t capacity = 0;
    for (size_t start = 0; start < len;) {
        char *end = memchr(text + start, '\n', len - start);
        size_t stop = end ? (size_t)(end - text) : len;
        size_t next = stop + 1;
        if (stop > start && text[stop - 1] == '\r')
            stop--;
        text[stop] = '\0';
        if (stop > start) {
            void *items = prompts->items;
            int rc = erg_grow(&items, &capacity, prompts->count + 1, sizeof(char *), 1 << 20);
            prompts->items = items;
            if (rc)
                return rc;
            prompts->items[prompts->count++] = text + start;
        }
        start = next;
    }
    return 0;
}

static int take_whole(struct erg_prompts *prompts, size_t len, bool from_file)
{
    if (from_file && len && prompts->text[len - 1] == '\n')
        prompts->text[--len] = '\0';
    prompts->items = erg_calloc(1, sizeof(char *));
    if (!prompts->items)
        return ERG_NOMEM;
    prompts->items[0] = prompts->text;
    prompts->count = len ? 1 : 0;
    return 0;
}

int erg_prompts_read(struct erg_prompts *out, const char *text, const char *path, bool lines,
                     struct erg_err *err)
{
    struct erg_prompts prompts = {0};
    size_t len = 0;
    int rc = 0;
    if (text) {
        len = strlen(text);
        prompts.text = erg_strdup(text);
        rc = prompts.text ? 0 : erg_fail(err, ERG_NOMEM, "no memory for the prompt");
    } else if (strcmp(path, "-") == 0) {
        rc = read_stdin(&prompts.text, &len, err);
    } else {
        rc = erg_read_file(path, ERG_MAX_PROMPT_BYTES, &prompts.text, &len, err);
    }
    if (!rc)
        rc = check(prompts.text, len, err);
    if (!rc && (rc = lines ? split_lines(&prompts, len) : take_whole(&prompts, len, !text)))
        erg_fail(err, rc, "cannot keep the prompts: %s", erg_code_text(rc));
    if (!rc && !prompts.count)
        rc = erg_fail(err, ERG_INVALID, "the prompt is empty");
    if (rc) {
        erg_prompts_deinit(&prompts);
        return rc;
    }
    *out = prompts;
    return 0;
}

void erg_prompts_deinit(struct erg_prompts *prompts)
{
    free(prompts->text);
    free(prompts->items);
    *prompts = (struct erg_prompts){0};
}
