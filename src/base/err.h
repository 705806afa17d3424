/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_ERR_H
#define ERG_BASE_ERR_H

#include <stdarg.h>

/*
 * Errors. A fallible function returns 0 or one of the negative codes below and, when its last
 * parameter `struct erg_err *err` is not NULL, fills it with a message. On success `err` is left
 * untouched. Each level may put context in front of the message with erg_err_prefix().
 *
 * Wording: lower case, no full stop, what failed first, the subject in single quotes, then a hint.
 */

/* X(name, value, text, exit status of the command line) */
#define ERG_CODE_TABLE(X)                                                                          \
    X(NOT_FOUND, -1, "not found", 4)                                                               \
    X(DENIED, -2, "permission denied", 4)                                                          \
    X(UNSUPPORTED, -3, "not supported", 4)                                                         \
    X(IO, -4, "input/output error", 4)                                                             \
    X(CORRUPT, -5, "damaged data", 4)                                                              \
    X(OVERRUN, -6, "overrun", 4)                                                                   \
    X(GONE, -7, "the other side is gone", 5)                                                       \
    X(LIMIT, -8, "limit exceeded", 4)                                                              \
    X(INVALID, -9, "invalid argument", 2)                                                          \
    X(NOMEM, -10, "out of memory", 4)                                                              \
    X(BUSY, -11, "busy", 4)                                                                        \
    X(CANCELLED, -12, "cancelled", 5)

enum erg_code {
    ERG_OK = 0,
#define X(name, value, text, status) ERG_##name = (value),
    ERG_CODE_TABLE(X)
#undef X
};

struct erg_err {
    int code;      /* one of enum erg_code */
    int sys_errno; /* errno behind it, or 0 */
    char text[256];
};

/* Fill `err` (may be NULL) and return `code`, so that a failure is one `return erg_fail(…)`. */
int erg_fail(struct erg_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * As erg_fail(), with the code derived from `sys_errno` (ENOENT → NOT_FOUND, EACCES → DENIED, …)
 * and ": <strerror>" appended to the message.
 */
int erg_fail_errno(struct erg_err *err, int sys_errno, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "<context>: " in front of the message; `err` may be NULL. */
void erg_err_prefix(struct erg_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Name ("NOT_FOUND"), text ("not found") and command-line exit status of a code. */
const char *erg_code_name(int code);
const char *erg_code_text(int code);
int erg_code_exit_status(int code);

#endif
