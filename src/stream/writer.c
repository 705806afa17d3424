/* SPDX-License-Identifier: MIT */
#include "stream/writer.h"

#include "base/err.h"
#include "base/limits.h"

void erg_write_preamble(struct erg_buf *buf)
{
    uint16_t version[2] = {ERG_FORMAT_MAJOR, ERG_FORMAT_MINOR};
    uint32_t zero = 0;
    erg_buf_append(buf, ERG_FORMAT_MAGIC, 8);
    erg_buf_append(buf, version, sizeof version);
    erg_buf_append(buf, &zero, sizeof zero);
}

/* A record whose payload is `fixed` followed by `tail`. */
static void write_parts(struct erg_buf *buf, enum erg_record_type type, const void *fixed,
                        size_t fixed_bytes, const void *tail, size_t tail_bytes)
{
    if (tail_bytes > ERG_MAX_RECORD_BYTES || fixed_bytes > ERG_MAX_RECORD_BYTES - tail_bytes) {
        if (!buf->status)
            buf->status = ERG_LIMIT;
        return;
    }
    uint32_t payload_bytes = (uint32_t)(fixed_bytes + tail_bytes);
    uint32_t padded = erg_format_padded(payload_bytes);
    char header[ERG_RECORD_HEADER_BYTES] = {0}, zeros[8] = {0};
    uint16_t wire_type = (uint16_t)type;
    memcpy(header, &payload_bytes, 4);
    memcpy(header + 4, &wire_type, 2);
    size_t start = buf->len;
    erg_buf_append(buf, header, sizeof header);
    erg_buf_append(buf, fixed, fixed_bytes);
    erg_buf_append(buf, tail, tail_bytes);
    erg_buf_append(buf, zeros, padded - payload_bytes);
    if (erg_buf_status(buf))
        return;
    char *record = buf->data + start;
    uint64_t check =
        erg_format_check(wire_type, payload_bytes, record + ERG_RECORD_HEADER_BYTES, padded);
    memcpy(record + 8, &check, 8);
}

void erg_write_record(struct erg_buf *buf, enum erg_record_type type, const void *payload,
                      size_t payload_bytes)
{
    write_parts(buf, type, payload, payload_bytes, NULL, 0);
}

void erg_write_name(struct erg_buf *buf, uint32_t id, const char *text)
{
    uint32_t head[2] = {id, 0};
    write_parts(buf, ERG_REC_NAME, head, sizeof head, text, strlen(text));
}

void erg_write_recording(struct erg_buf *buf, int64_t t_ns, int64_t wall_ns, const char *json)
{
    int64_t times[2] = {t_ns, wall_ns};
    write_parts(buf, ERG_REC_RECORDING, times, sizeof times, json, strlen(json));
}

void erg_write_power(struct erg_buf *buf, const char *json)
{
    write_parts(buf, ERG_REC_POWER, json, strlen(json), NULL, 0);
}

void erg_write_reading(struct erg_buf *buf, int64_t t_before_ns, int64_t t_after_ns,
                       enum erg_reading_kind kind, const struct erg_channel_value *values,
                       uint32_t count)
{
    struct {
        int64_t t_before_ns, t_after_ns;
        uint32_t kind, count;
    } head = {t_before_ns, t_after_ns, (uint32_t)kind, count};
    write_parts(buf, ERG_REC_READING, &head, sizeof head, values, count * sizeof *values);
}

void erg_write_host(struct erg_buf *buf, const struct erg_host_sample *sample)
{
    erg_write_record(buf, ERG_REC_HOST, sample, sizeof *sample);
}

void erg_write_idle(struct erg_buf *buf, int64_t t0_ns, int64_t t1_ns)
{
    int64_t times[2] = {t0_ns, t1_ns};
    write_parts(buf, ERG_REC_IDLE, times, sizeof times, NULL, 0);
}

void erg_write_counters(struct erg_buf *buf, const struct erg_counters_head *counters,
                        const char *reason)
{
    write_parts(buf, ERG_REC_COUNTERS, counters, sizeof *counters, reason,
                strnlen(reason, ERG_MAX_LOG_BYTES));
}

void erg_write_log(struct erg_buf *buf, int64_t t_ns, enum erg_log_level level, const char *text)
{
    struct {
        int64_t t_ns;
        uint32_t level, zero;
    } head = {t_ns, (uint32_t)level, 0};
    write_parts(buf, ERG_REC_LOG, &head, sizeof head, text, strnlen(text, ERG_MAX_LOG_BYTES));
}

void erg_write_recording_end(struct erg_buf *buf, int64_t t_ns, const char *json)
{
    write_parts(buf, ERG_REC_RECORDING_END, &t_ns, sizeof t_ns, json, strlen(json));
}
