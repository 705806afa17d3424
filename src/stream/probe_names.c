/* SPDX-License-Identifier: MIT */
#include "stream/probe_state.h"

/* As base/utf8.h, which the probe may not link: RFC 3629, by the value of each sequence. */
static size_t utf8_step(const unsigned char *p)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    uint32_t value = p[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) { /* the text's NUL ends a cut sequence */
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (p[i] & 0x3F);
    }
    bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    return value < smallest[len] || value > 0x10FFFF || surrogate ? 0 : len;
}

static bool is_name(const char *text)
{
    size_t len = strnlen(text, ERG_MAX_NAME_BYTES);
    if (!len || len == ERG_MAX_NAME_BYTES)
        return false;
    for (size_t i = 0; i < len;) {
        size_t step = utf8_step((const unsigned char *)text + i);
        if (!step)
            return false;
        i += step;
    }
    return true;
}

/* Ids 1 … last_id may be bound. */
static uint32_t intern(ergon_probe *probe, const char *text, uint32_t last_id)
{
    for (uint32_t id = 1; id <= probe->names; id++) {
        if (!strcmp(probe->name[id], text))
            return id;
    }
    if (probe->names >= last_id)
        return 0;
    memcpy(probe->name[++probe->names], text, strlen(text) + 1);
    return probe->names;
}

uint32_t ergon_probe_name(ergon_probe *probe, const char *text)
{
    if (!probe || !text || !is_name(text))
        return 0;
    return intern(probe, text, ERG_MAX_NAMES - 2); /* one is left for "unattributed" */
}

uint32_t erg_probe_unattributed(ergon_probe *probe)
{
    return intern(probe, "unattributed", ERG_MAX_NAMES - 1);
}

static size_t name_record_bytes(size_t len)
{
    return ERG_RECORD_HEADER_BYTES + (size_t)erg_format_padded(8 + (uint32_t)len);
}

bool erg_probe_announce_names(ergon_probe *probe, size_t record_bytes)
{
    if (probe->announced == probe->names)
        return true;
    size_t need = record_bytes;
    for (uint32_t id = probe->announced + 1; id <= probe->names; id++)
        need += name_record_bytes(strlen(probe->name[id]));
    if (!erg_probe_out_room(&probe->out, need, false)) {
        erg_probe_out_drop(&probe->out);
        return false;
    }
    while (probe->announced < probe->names) {
        uint32_t head[2] = {++probe->announced, 0};
        size_t len = strlen(probe->name[head[0]]);
        unsigned char *payload =
            erg_probe_out_begin(&probe->out, ERG_REC_NAME, sizeof head + len, false);
        if (!payload)
            return false;
        memcpy(payload, head, sizeof head);
        memcpy(payload + sizeof head, probe->name[head[0]], len);
        erg_probe_out_end(&probe->out);
    }
    return true;
}
