/* SPDX-License-Identifier: MIT */
#include "power/gauge.h"

#include "base/mem.h"
#include "base/num.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER_BYTES = 64, NJ_PER_UJ = 1000 };

void erg_gauge_init(struct erg_gauge *gauge)
{
    *gauge = (struct erg_gauge){.fd = -1, .factor_fd = -1, .multiplier = 1};
}

void erg_gauge_deinit(struct erg_gauge *gauge)
{
    erg_cleanup_fd(&gauge->fd);
    erg_cleanup_fd(&gauge->factor_fd);
    erg_gauge_init(gauge);
}

int erg_gauge_open_power(struct erg_gauge *gauge, const struct erg_root *root, const char *path,
                         const char *factor_path, int64_t multiplier, struct erg_err *err)
{
    erg_gauge_init(gauge);
    gauge->multiplier = multiplier;
    int rc = erg_root_open(root, path, &gauge->fd, err);
    if (rc == 0 && factor_path)
        rc = erg_root_open(root, factor_path, &gauge->factor_fd, err);
    if (rc)
        erg_gauge_deinit(gauge);
    return rc;
}

int erg_gauge_open_counter(struct erg_gauge *gauge, const struct erg_root *root, const char *path,
                           uint32_t max_w, struct erg_err *err)
{
    int rc = erg_gauge_open_power(gauge, root, path, NULL, 1, err);
    if (rc)
        return rc;
    gauge->counter = true;
    erg_tally_init(&gauge->tally, NJ_PER_UJ, 1, max_w);
    return 0;
}

int erg_gauge_parse(const char *text, size_t len, int64_t *out, struct erg_err *err)
{
    char number[NUMBER_BYTES];
    while (len && memchr(" \t\r\n", text[len - 1], 4))
        len--;
    bool fits = len < sizeof number && !memchr(text, '\0', len);
    if (fits) {
        memcpy(number, text, len);
        number[len] = '\0';
    }
    if (!fits || erg_parse_i64(number, INT64_MIN, INT64_MAX, out, NULL))
        return erg_fail(err, ERG_CORRUPT, "the sensor shows '%.*s' instead of a number",
                        (int)(len < 32 ? len : 32), text);
    return 0;
}

int erg_gauge_read_i64(int fd, int64_t *out, struct erg_err *err)
{
    char text[NUMBER_BYTES];
    ssize_t n;
    do {
        n = pread(fd, text, sizeof text, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return erg_fail_errno(err, errno, "cannot read the sensor");
    return erg_gauge_parse(text, (size_t)n, out, err);
}

static int read_counter(struct erg_gauge *gauge, int64_t t_ns, int64_t shown, int64_t *out,
                        struct erg_err *err)
{
    enum erg_tally_step step = erg_tally_add(&gauge->tally, t_ns, (uint64_t)shown);
    if (step == ERG_TALLY_RESTARTED)
        return erg_fail(err, ERG_OVERRUN, "the counter was reset");
    if (step == ERG_TALLY_SUSPECT)
        return erg_fail(err, ERG_BUSY, "the counter shows what it cannot have reached");
    *out = erg_tally_nj(&gauge->tally);
    return 0;
}

int erg_gauge_read(struct erg_gauge *gauge, int64_t t_ns, int64_t *out, struct erg_err *err)
{
    int64_t shown, factor = 1, power_uw;
    int rc = erg_gauge_read_i64(gauge->fd, &shown, err);
    if (rc == 0 && gauge->factor_fd >= 0)
        rc = erg_gauge_read_i64(gauge->factor_fd, &factor, err);
    if (rc)
        return rc;
    bool absurd = shown < 0 || factor < 0 || __builtin_mul_overflow(shown, factor, &power_uw) ||
                  __builtin_mul_overflow(power_uw, gauge->multiplier, &power_uw);
    if (absurd)
        return erg_fail(err, ERG_CORRUPT, "the sensor shows an impossible value");
    if (gauge->counter)
        return read_counter(gauge, t_ns, shown, out, err);
    *out = power_uw;
    return 0;
}

void erg_gauge_read_value(struct erg_gauge *gauge, int64_t t_ns, struct erg_channel_value *out)
{
    int rc = erg_gauge_read(gauge, t_ns, &out->value, NULL);
    out->status = (uint32_t)-rc;
    if (rc)
        out->value = 0;
}

bool erg_gauge_uevent(const char *text, const char *key, char *out, size_t out_bytes)
{
    size_t key_len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_len) != 0 || line[key_len] != '=')
            continue;
        const char *value = line + key_len + 1;
        size_t len = strcspn(value, "\n");
        if (len == 0 || len >= out_bytes)
            return false;
        memcpy(out, value, len);
        out[len] = '\0';
        return true;
    }
    return false;
}

void erg_gauge_probe_failed(struct erg_power_probe *out, const struct erg_err *err,
                            const char *remedy)
{
    out->state = err->code == ERG_NOT_FOUND ? ERG_POWER_ABSENT
                 : err->code == ERG_DENIED  ? ERG_POWER_DENIED
                                            : ERG_POWER_BROKEN;
    snprintf(out->reason, sizeof out->reason, "%.199s", err->text);
    snprintf(out->remedy, sizeof out->remedy, "%.199s", remedy);
}
