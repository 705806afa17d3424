/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_FRAMES_H
#define ERG_SERVER_FRAMES_H

#include "base/jsonw.h"
#include "store/detail_rows.h"
#include "store/rows.h"

/*
 * Rows of a run as members of live frames (openapi.json, "Ws…"). Pure: what is written depends on
 * the row only, and equals what the API says of the stored row. Each is called inside an object
 * that erg_frame_begin() has begun and the caller ends.
 */
void erg_frame_begin(struct erg_jsonw *w, const char *type, const char *run_id, int64_t t_ns);

void erg_frame_section_start(struct erg_jsonw *w, uint32_t phase, const char *name);
void erg_frame_section_end(struct erg_jsonw *w, const struct erg_section_row *row);
void erg_frame_token(struct erg_jsonw *w, const struct erg_token_row *row);
/* Columns of samples; a domain that none of them knows is left out. */
void erg_frame_samples(struct erg_jsonw *w, const struct erg_sample_row *rows, size_t count);

/*
 * Columns of a detail table: the rows of a pass whose first token is `token_index`. Its values must
 * be in stored precision. NOMEM.
 */
int erg_frame_details(struct erg_jsonw *w, enum erg_detail_kind kind,
                      const struct erg_extra_source *pass, uint32_t token_index);

#endif
