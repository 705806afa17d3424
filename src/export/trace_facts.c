/* SPDX-License-Identifier: MIT */
#include "export/trace_facts.h"

#include "base/utf8.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { MOST_SHOWN = 200 /* bytes of a token, in the name of its slice */ };

static const char units[] = "times: ns from the beginning of the trace, t = 0 of the run at "
                            "origin_ns; power: mW; energy: mJ in counters and args *_mj, nJ in "
                            "args *_nj";

/* One fact: a text in the summary, or in an object of it. */
struct fact {
    const char *key, *object, *member;
};

static const struct fact facts_shown[] = {
    {"model", NULL, "model_name"},
    {"architecture", "model", "architecture"},
    {"quantization", "model", "quantization"},
    {"engine", "engine", "name"},
    {"engine_version", "engine", "version"},
    {"hostname", "machine", "hostname"},
    {"os", "machine", "os"},
    {"cpu", "machine", "cpu"},
    {"mode", NULL, "mode"},
    {"status", NULL, "status"},
    {"created_at", NULL, "created_at"},
    {"created_at_utc", NULL, "created_at_utc"},
    {"energy_grade", "power", "grade"},
};

_Static_assert(sizeof facts_shown / sizeof facts_shown[0] + 2 <= ERG_TRACE_FACTS, "they fit");

size_t erg_trace_facts(const struct erg_export_request *request, const struct erg_facts *facts,
                       struct erg_trace_arg out[ERG_TRACE_FACTS])
{
    size_t n = 0;
    out[n++] = (struct erg_trace_arg){"run_id", request->run_id, strlen(request->run_id), 0};
    for (size_t i = 0; i < sizeof facts_shown / sizeof facts_shown[0]; i++) {
        const struct fact *fact = &facts_shown[i];
        const json_t *from =
            fact->object ? json_object_get(facts->summary, fact->object) : facts->summary;
        const json_t *value = json_object_get(from, fact->member);
        if (json_is_string(value))
            out[n++] = (struct erg_trace_arg){fact->key, json_string_value(value),
                                              json_string_length(value), 0};
    }
    out[n++] = (struct erg_trace_arg){"units", units, sizeof units - 1, 0};
    return n;
}

int64_t erg_trace_interval_ns(const struct erg_facts *facts)
{
    const json_t *power = json_object_get(facts->summary, "power");
    double ms = json_number_value(json_object_get(power, "interval_ms"));
    return ms > 0 && ms < 1e9 ? llround(ms * 1e6) : 0;
}

/* Of a character that begins at `text` and is `len` bytes long. */
static uint32_t code_point(const char *text, size_t len)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)text[0] & masks[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    return code;
}

static bool is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200b ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void erg_trace_label(const char *text, size_t len, struct erg_buf *out)
{
    size_t shown = erg_utf8_truncate(text, len, MOST_SHOWN);
    for (size_t i = 0; i < shown;) {
        size_t step = erg_utf8_step(text + i, shown - i);
        uint32_t code = step ? code_point(text + i, step) : 0xfffd;
        if (!step)
            erg_buf_puts(out, "\xEF\xBF\xBD");
        else if (code == '\n' || code == '\t')
            erg_buf_puts(out, code == '\n' ? "\\n" : "\\t");
        else if (is_hidden(code))
            erg_buf_printf(out, "\\u%04x", (unsigned)code);
        else
            erg_buf_append(out, text + i, step);
        i += step ? step : 1;
    }
    if (shown < len)
        erg_buf_puts(out, "…");
}
