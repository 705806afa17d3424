/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "fake.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Value of the key "cmd", found without reading the JSON: the fake takes what its tests send. */
static bool is_command(const char *json, const char *name)
{
    char quoted[32];
    const char *p = strstr(json, "\"cmd\"");
    if (!p)
        return false;
    for (p += 5; *p == ' ' || *p == ':'; p++)
        continue;
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    return !strncmp(p, quoted, strlen(quoted));
}

static void obey(struct fake_engine *engine, const char *json)
{
    if (is_command(json, "run") || is_command(json, "calibrate"))
        engine->run = true;
    else if (is_command(json, "load"))
        ergon_probe_log(engine->probe, ERGON_INFO, "loaded");
    else if (is_command(json, "cancel"))
        engine->cancel = true;
    else if (is_command(json, "quit"))
        engine->quit = true;
}

/* Obey the first command of the inbox; false when it is not complete. */
static bool obey_first(struct fake_engine *engine)
{
    struct erg_buf *inbox = &engine->inbox;
    uint32_t len;
    if (inbox->len < 4)
        return false;
    memcpy(&len, inbox->data, 4);
    if (len > ERG_MAX_JSON_BYTES) {
        engine->quit = true;
        return false;
    }
    if (inbox->len - 4 < len)
        return false;
    char kept = inbox->data[4 + len]; /* a NUL, or the next command */
    inbox->data[4 + len] = '\0';
    obey(engine, inbox->data + 4);
    inbox->data[4 + len] = kept;
    inbox->len -= 4 + (size_t)len;
    memmove(inbox->data, inbox->data + 4 + len, inbox->len + 1);
    return true;
}

void fake_take_commands(struct fake_engine *engine, int timeout_ms)
{
    struct pollfd ready = {.fd = engine->fd, .events = POLLIN};
    char bytes[4096];
    if (!engine->has_recorder || poll(&ready, 1, timeout_ms) <= 0)
        return;
    ssize_t n = read(engine->fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0)
        engine->quit = true; /* the recorder is gone */
    else
        erg_buf_append(&engine->inbox, bytes, (size_t)n);
    while (obey_first(engine))
        continue;
}
