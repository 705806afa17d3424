/* SPDX-License-Identifier: MIT */
#include "stream/probe_out.h"

#include "base/limits.h"
#include "ergon/probe.h"
#include "stream/format.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Where the flag does not exist, sockets take the guarded way of pipes. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum sink { SINK_SOCKET, SINK_PIPE, SINK_FILE };

/* Behind so many more bytes a write is tried unasked, so that socket and buffer fill together. */
enum { DROPPED_BYTES = ERG_RECORD_HEADER_BYTES + 8, EAGER_BYTES = 64 << 10 };

int erg_probe_out_init(struct erg_probe_out *out, int fd, size_t capacity)
{
    struct stat st;
    *out = (struct erg_probe_out){.fd = fd, .capacity = capacity};
    if (fstat(fd, &st))
        return errno;
    out->sink = S_ISSOCK(st.st_mode) ? SINK_SOCKET : S_ISFIFO(st.st_mode) ? SINK_PIPE : SINK_FILE;
    if (out->sink == SINK_PIPE) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
            return errno;
    }
    out->bytes = malloc(capacity);
    return out->bytes ? 0 : ENOMEM;
}

void erg_probe_out_deinit(struct erg_probe_out *out)
{
    free(out->bytes);
    out->bytes = NULL;
}

/* Take back the SIGPIPE that a write on this thread has just raised (blocked by the caller). */
static void discard_sigpipe(const sigset_t *only_sigpipe)
{
    sigset_t pending;
    int taken;
    if (!sigpending(&pending) && sigismember(&pending, SIGPIPE) == 1)
        sigwait(only_sigpipe, &taken);
}

/*
 * Write without letting SIGPIPE out: it is blocked on this thread, and taken back unless it was
 * pending before (then it is somebody else's and stays so).
 */
static ssize_t write_guarded(const struct erg_probe_out *out, const void *bytes, size_t len)
{
    sigset_t sigpipe, before, pending;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    bool was_pending = !sigpending(&pending) && sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    ssize_t written = out->sink == SINK_SOCKET ? send(out->fd, bytes, len, MSG_DONTWAIT)
                                               : write(out->fd, bytes, len);
    int failure = errno;
    if (written < 0 && failure == EPIPE && !was_pending)
        discard_sigpipe(&sigpipe);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return written;
}

static ssize_t transmit(const struct erg_probe_out *out, const void *bytes, size_t len)
{
    if (out->sink == SINK_SOCKET && MSG_NOSIGNAL != 0)
        return send(out->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (out->sink == SINK_FILE)
        return write(out->fd, bytes, len);
    return write_guarded(out, bytes, len);
}

static bool is_temporary(int failure)
{
    return failure == EAGAIN || failure == EWOULDBLOCK || failure == ENOBUFS || failure == ENOMEM;
}

/* One write of all that waits; a file takes the rest by further ones. */
static void push(struct erg_probe_out *out)
{
    out->fresh = 0;
    while (!out->gone && out->head < out->tail) {
        ssize_t n = transmit(out, out->bytes + out->head, out->tail - out->head);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            out->gone = !is_temporary(errno);
            return;
        }
        out->head += (size_t)n;
        if (out->sink != SINK_FILE)
            break;
    }
    if (out->head == out->tail)
        out->head = out->tail = 0;
}

/* Moving is worth it once an eighth of the buffer is free in front: bounded work per byte. */
static void compact(struct erg_probe_out *out)
{
    size_t waiting = out->tail - out->head;
    if (out->head < out->capacity / 8 && waiting > out->head)
        return;
    memmove(out->bytes, out->bytes + out->head, waiting);
    out->head = 0;
    out->tail = waiting;
}

bool erg_probe_out_room(struct erg_probe_out *out, size_t bytes, bool urgent)
{
    size_t limit = out->capacity - (urgent ? 0 : ERG_PROBE_RESERVE_BYTES);
    size_t need = bytes + (out->unreported ? DROPPED_BYTES : 0);
    if (out->gone || need < bytes || need > limit)
        return false;
    if (out->tail + need <= limit)
        return true;
    push(out);
    compact(out);
    return !out->gone && out->tail + need <= limit;
}

void erg_probe_out_drop(struct erg_probe_out *out)
{
    if (out->gone)
        return;
    out->dropped++;
    out->unreported++;
}

static void *start_record(struct erg_probe_out *out, uint16_t type, uint32_t payload_bytes)
{
    uint32_t padded = erg_format_padded(payload_bytes);
    uint16_t zero = 0;
    out->record = out->tail;
    unsigned char *header = out->bytes + out->record;
    memcpy(header, &payload_bytes, 4);
    memcpy(header + 4, &type, 2);
    memcpy(header + 6, &zero, 2);
    unsigned char *payload = header + ERG_RECORD_HEADER_BYTES;
    memset(payload + payload_bytes, 0, padded - payload_bytes);
    out->tail += ERG_RECORD_HEADER_BYTES + padded;
    return payload;
}

void erg_probe_out_end(struct erg_probe_out *out)
{
    unsigned char *header = out->bytes + out->record;
    uint32_t payload_bytes;
    uint16_t type;
    memcpy(&payload_bytes, header, 4);
    memcpy(&type, header + 4, 2);
    uint64_t check = erg_format_check(type, payload_bytes, header + ERG_RECORD_HEADER_BYTES,
                                      erg_format_padded(payload_bytes));
    memcpy(header + 8, &check, 8);
    out->fresh += out->tail - out->record;
    if (out->fresh >= EAGER_BYTES)
        push(out);
}

static void report_dropped(struct erg_probe_out *out)
{
    if (!out->unreported)
        return;
    memcpy(start_record(out, ERG_REC_DROPPED, 8), &out->unreported, 8);
    erg_probe_out_end(out);
    out->unreported = 0;
}

void *erg_probe_out_begin(struct erg_probe_out *out, uint16_t type, size_t payload_bytes,
                          bool urgent)
{
    if (payload_bytes > ERG_MAX_RECORD_BYTES ||
        !erg_probe_out_room(
            out, ERG_RECORD_HEADER_BYTES + (size_t)erg_format_padded((uint32_t)payload_bytes),
            urgent)) {
        erg_probe_out_drop(out);
        return NULL;
    }
    report_dropped(out);
    return start_record(out, type, (uint32_t)payload_bytes);
}

void erg_probe_out_flush(struct erg_probe_out *out)
{
    push(out);
    if (out->unreported && erg_probe_out_room(out, 0, false)) {
        report_dropped(out);
        push(out);
    }
}

int erg_probe_out_drain(struct erg_probe_out *out, int timeout_ms)
{
    int64_t deadline = ergon_probe_now_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) {
        erg_probe_out_flush(out);
        if (out->gone)
            return -1;
        if (out->head == out->tail && !out->unreported)
            return 0;
        int64_t left_ms = (deadline - ergon_probe_now_ns() + 999999) / 1000000;
        struct pollfd ready = {.fd = out->fd, .events = POLLOUT};
        if (left_ms <= 0 || (poll(&ready, 1, (int)left_ms) < 0 && errno != EINTR))
            return -1;
    }
}
