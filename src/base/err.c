/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include "base/system.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct code_row {
    int code;
    const char *name;
    const char *text;
    int exit_status;
};

static const struct code_row code_rows[] = {{ERG_OK, "OK", "ok", 0},
#define X(name, value, text, status) {ERG_##name, #name, text, status},
                                            ERG_CODE_TABLE(X)
#undef X
};

static const struct code_row *find_row(int code)
{
    for (size_t i = 0; i < sizeof code_rows / sizeof code_rows[0]; i++) {
        if (code_rows[i].code == code)
            return &code_rows[i];
    }
    return NULL;
}

const char *erg_code_name(int code)
{
    const struct code_row *row = find_row(code);
    return row ? row->name : "UNKNOWN";
}

const char *erg_code_text(int code)
{
    const struct code_row *row = find_row(code);
    return row ? row->text : "unknown error";
}

int erg_code_exit_status(int code)
{
    const struct code_row *row = find_row(code);
    return row ? row->exit_status : 4;
}

int erg_fail(struct erg_err *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        err->sys_errno = 0;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

static int code_of_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO:
        return ERG_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERG_DENIED;
    case ENOMEM:
        return ERG_NOMEM;
    case EBUSY:
    case ETXTBSY:
        return ERG_BUSY;
    case EPIPE:
    case ECONNRESET:
        return ERG_GONE;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERG_UNSUPPORTED;
    default:
        return ERG_IO;
    }
}

int erg_fail_errno(struct erg_err *err, int sys_errno, const char *fmt, ...)
{
    int code = code_of_errno(sys_errno);
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        err->sys_errno = sys_errno;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        char text[96];
        erg_system_errno_text(sys_errno, text, sizeof text);
        size_t len = strlen(err->text);
        snprintf(err->text + len, sizeof err->text - len, ": %s", text);
        /* strerror capitalises; our messages do not. */
        if (len + 2 < sizeof err->text && err->text[len + 2] >= 'A' && err->text[len + 2] <= 'Z')
            err->text[len + 2] = (char)(err->text[len + 2] + ('a' - 'A'));
    }
    return code;
}

void erg_err_prefix(struct erg_err *err, const char *fmt, ...)
{
    if (!err)
        return;
    struct erg_err old = *err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    size_t len = strlen(err->text);
    snprintf(err->text + len, sizeof err->text - len, ": %s", old.text);
}
