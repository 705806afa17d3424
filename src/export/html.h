/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_HTML_H
#define ERG_EXPORT_HTML_H

#include "analysis/compare.h"
#include "export/out.h"
#include "export/view.h"

/*
 * The data of a report: answers of the server, each in a script element of its own, which a browser
 * takes for data (docs/exports.md; web/src/report/answers.ts reads them).
 */
struct erg_html {
    struct erg_out out;
    const struct erg_export_request *request;
    struct erg_view_split split; /* of the run that is being written */
    struct erg_run_sums sums;
    size_t most_bytes; /* that matrices may take, in base64 */
    struct erg_err *err;
    /* What the answer that is being written is about, where that is not the run alone. */
    const struct erg_compare *compare;
    struct erg_view_matrix matrix;
};

/* How an answer is written: as JSON, as gzip of it in base64, or as a packed stack of matrices. */
enum erg_html_form { ERG_HTML_JSON, ERG_HTML_GZIP, ERG_HTML_STACK };

/* Bytes as they are. 0 or the failure of buffer or sink, in words. */
int erg_html_put(struct erg_html *html, const void *bytes, size_t len);
int erg_html_puts(struct erg_html *html, const char *text);

/* An answer of the server: `rest` is what follows "/run/ID", or "/" where it is of no run. */
struct erg_html_answer {
    const char *rest;
    enum erg_html_form form;
    int (*write)(const struct erg_html *html, const struct erg_view *view);
};
int erg_html_put_answers(struct erg_html *html, const struct erg_html_answer *answers,
                         size_t count);

/* Those that the reports of a run and of a comparison share. */
extern const struct erg_html_answer erg_html_summary, erg_html_power, erg_html_grid;

/* Read what the answers about the request's run need into `split` and `sums`, deinit()ed after. */
int erg_html_open_run(struct erg_html *html);

/* What the page says of itself: the runs whose answers it has, and the groups it compares. */
int erg_html_put_about(struct erg_html *html, const char *const *runs, size_t run_count,
                       const char *const *groups, size_t group_count);

/* Everything of the report of a comparison (html_compare.c). */
int erg_html_put_comparison(struct erg_html *html);

/* Around the content of an element; `rest` is what follows "/run/ID". */
int erg_html_begin(struct erg_html *html, const char *rest, enum erg_html_form form);
int erg_html_end(struct erg_html *html);

/* An erg_jsonw_sink: JSON that can stand in an element, nothing in it ends that. User: erg_html. */
int erg_html_put_json(void *html, const char *bytes, size_t len);

/* All matrices, one for each pass; passes are joined where the file would become too large. */
int erg_html_put_stacks(struct erg_html *html);

#endif
