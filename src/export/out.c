/* SPDX-License-Identifier: MIT */
#include "export/out.h"

enum { SPILL_BYTES = 65536 };

void erg_out_init(struct erg_out *out, const struct erg_export_request *request,
                  struct erg_err *err)
{
    *out = (struct erg_out){.request = request, .err = err};
    erg_buf_init(&out->buf);
}

void erg_out_deinit(struct erg_out *out)
{
    erg_buf_deinit(&out->buf);
}

const char *erg_out_name(void *user, uint16_t id)
{
    return erg_store_name(user, id);
}

int erg_out_fail(struct erg_err *err, int code)
{
    return erg_fail(err, code, "cannot write the export: %s", erg_code_text(code));
}

int erg_out_flush(struct erg_out *out)
{
    int rc = erg_buf_status(&out->buf);
    if (rc == 0 && out->buf.len)
        rc = out->request->sink(out->request->user, out->buf.data, out->buf.len);
    erg_buf_clear(&out->buf);
    return rc ? erg_out_fail(out->err, rc) : 0;
}

int erg_out_spill(struct erg_out *out)
{
    if (erg_buf_status(&out->buf) == 0 && out->buf.len < SPILL_BYTES)
        return 0;
    return erg_out_flush(out);
}
