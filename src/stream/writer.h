/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_WRITER_H
#define ERG_STREAM_WRITER_H

#include "base/buf.h"
#include "stream/counters.h"
#include "stream/format.h"

/*
 * The recorder's own records, appended to a buffer (which reports failures, base/buf.h). Engines
 * use include/ergon/probe.h instead.
 */
void erg_write_preamble(struct erg_buf *buf);
void erg_write_record(struct erg_buf *buf, enum erg_record_type type, const void *payload,
                      size_t payload_bytes);
void erg_write_name(struct erg_buf *buf, uint32_t id, const char *text);
void erg_write_recording(struct erg_buf *buf, int64_t t_ns, int64_t wall_ns, const char *json);
void erg_write_power(struct erg_buf *buf, const char *json);
void erg_write_reading(struct erg_buf *buf, int64_t t_before_ns, int64_t t_after_ns,
                       enum erg_reading_kind kind, const struct erg_channel_value *values,
                       uint32_t count);
void erg_write_host(struct erg_buf *buf, const struct erg_host_sample *sample);
void erg_write_idle(struct erg_buf *buf, int64_t t0_ns, int64_t t1_ns);
void erg_write_counters(struct erg_buf *buf, const struct erg_counters_head *counters,
                        const char *reason);
void erg_write_log(struct erg_buf *buf, int64_t t_ns, enum erg_log_level level, const char *text);
void erg_write_recording_end(struct erg_buf *buf, int64_t t_ns, const char *json);

#endif
