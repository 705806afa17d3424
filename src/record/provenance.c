/* SPDX-License-Identifier: MIT */
#include "record/provenance.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/system.h"
#include "model/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/* FNV-1a of the first `len` bytes of a file; false when it is shorter. */
static bool hash_file(const char *path, int64_t len, uint64_t *out)
{
    unsigned char chunk[65536];
    uint64_t hash = UINT64_C(14695981039346656037);
    ERG_AUTO_FILE FILE *file = fopen(path, "rbe");
    while (file && len > 0) {
        size_t want = len < (int64_t)sizeof chunk ? (size_t)len : sizeof chunk;
        size_t n = fread(chunk, 1, want, file);
        if (n != want)
            return false;
        for (size_t i = 0; i < n; i++)
            hash = (hash ^ chunk[i]) * UINT64_C(1099511628211);
        len -= (int64_t)n;
    }
    *out = hash;
    return file != NULL;
}

static void put_file(const char *path, struct erg_jsonw *w)
{
    struct stat st;
    char when[40];
    if (!path || stat(path, &st) != 0) {
        erg_jsonw_knull(w, "model_file_bytes");
        erg_jsonw_knull(w, "model_modified_at");
        return;
    }
    erg_format_utc_time(erg_system_modified_ns(&st), when);
    erg_jsonw_kint(w, "model_file_bytes", st.st_size);
    erg_jsonw_kstr(w, "model_modified_at", when);
}

void erg_provenance_describe(const char *model_path, struct erg_buf *out_json)
{
    struct erg_model_info info;
    struct erg_jsonw w;
    uint64_t hash;
    char text[32] = "";
    if (model_path && erg_gguf_read(model_path, &info, NULL) == 0 &&
        hash_file(model_path, info.metadata_bytes, &hash))
        snprintf(text, sizeof text, "fnv1a64:%016" PRIx64, hash);
    erg_jsonw_init(&w, out_json);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "ergon_version", ERGON_VERSION);
    put_file(model_path, &w);
    erg_jsonw_kstr(&w, "model_metadata_hash", text[0] ? text : NULL);
    erg_jsonw_obj_end(&w);
}
