/* SPDX-License-Identifier: MIT */
#include "export/html.h"

#include "export/formats.h"
#include "export/gzip64.h"
#include "export/redact.h"
#include "export/report_page.h"
#include "stream/taxonomy.h"

#include <string.h>

static const char marker[] = "<!--ergon:data-->";

/* A report is to be 5 MB at most: so much is left by the page, tables and lists. */
enum { MOST_BYTES = 3800000 };

int erg_html_put(struct erg_html *html, const void *bytes, size_t len)
{
    erg_buf_append(&html->out.buf, bytes, len);
    return erg_out_spill(&html->out);
}

int erg_html_puts(struct erg_html *html, const char *text)
{
    return erg_html_put(html, text, strlen(text));
}

/* An attribute's value between double quotes. */
static void put_attribute(struct erg_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            erg_buf_puts(out, "&amp;");
        else if (*text == '"')
            erg_buf_puts(out, "&quot;");
        else
            erg_buf_putc(out, *text);
    }
}

int erg_html_begin(struct erg_html *html, const char *rest, enum erg_html_form form)
{
    static const char *const names[] = {"json", "gzip", "stack"};
    struct erg_buf *out = &html->out.buf;
    erg_buf_puts(out, "<script type=\"application/json\" data-answer=\"");
    if (*rest == '/') {
        erg_buf_puts(out, "/run/");
        put_attribute(out, html->request->run_id);
    } else {
        erg_buf_putc(out, '/');
    }
    put_attribute(out, rest);
    erg_buf_printf(out, "\" data-form=\"%s\">", names[form]);
    return erg_out_spill(&html->out);
}

int erg_html_end(struct erg_html *html)
{
    return erg_html_puts(html, "</script>\n");
}

/*
 * '<' and '&' stand in strings alone, so they can be written as escapes; without '<' nothing in the
 * text can end the element or begin a comment.
 */
int erg_html_put_json(void *user, const char *bytes, size_t len)
{
    struct erg_html *html = user;
    int rc = 0;
    for (size_t from = 0, to; from < len && rc == 0; from = to) {
        to = from;
        while (to < len && !strchr("<>&", bytes[to]))
            to++;
        rc = erg_html_put(html, bytes + from, to - from);
        if (to < len && rc == 0) {
            char escape[] = "\\u003c";
            escape[5] = bytes[to] == '<' ? 'c' : bytes[to] == '>' ? 'e' : '6';
            escape[4] = bytes[to] == '&' ? '2' : '3';
            rc = erg_html_put(html, escape, 6);
            to++;
        }
    }
    return rc;
}

/* --- answers -----------------------------------------------------------------------------------*/

static const struct erg_view_range whole = {.token = -1, .to = -1, .phase = ERG_PHASES};

static int write_summary(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_report(view, &html->split, &html->sums, html->err);
}

static int write_pipeline(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_pipeline(view, html->err);
}

static int write_tokens(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_tokens(view, &whole, html->err);
}

static int write_power(const struct erg_html *html, const struct erg_view *view)
{
    const struct erg_view_power all = {.max_points = 2000, .from_ms = -1e18, .to_ms = 1e18};
    return erg_view_power(view, &all, NULL, html->err);
}

static int write_tree(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_tree(view, &html->split, &html->sums, 4, html->err);
}

static int write_flow(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_flow(view, &html->split, &html->sums, ERG_PHASES, html->err);
}

static int write_operations(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_operations(view, &html->split, &html->sums, &whole, -2, NULL, html->err);
}

static int write_attention(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_attention(view, &whole, html->err);
}

static int write_routing(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_routing(view, &whole, html->err);
}

/* Costs are worked out in the page, so that another region can be chosen. */
static int write_grid(const struct erg_html *html, const struct erg_view *view)
{
    (void)html;
    erg_view_grid(view->w);
    return 0;
}

const struct erg_html_answer erg_html_summary = {"/summary", ERG_HTML_JSON, write_summary};
const struct erg_html_answer erg_html_power = {"/power", ERG_HTML_GZIP, write_power};
const struct erg_html_answer erg_html_grid = {"grid", ERG_HTML_JSON, write_grid};

/* What only the report of a run has. */
static const struct erg_html_answer answers_of_run[] = {
    {"/pipeline", ERG_HTML_JSON, write_pipeline},
    {"/tokens", ERG_HTML_GZIP, write_tokens},
    {"/tree", ERG_HTML_GZIP, write_tree},
    {"/flow", ERG_HTML_GZIP, write_flow},
    {"/operations", ERG_HTML_GZIP, write_operations},
    {"/attention", ERG_HTML_GZIP, write_attention},
    {"/routing", ERG_HTML_GZIP, write_routing},
};

/* The JSON through `sink`, without texts where these are not wanted. */
static int write_answer(const struct erg_html *html, const struct erg_html_answer *answer,
                        erg_jsonw_sink sink, void *user)
{
    struct erg_redact redact;
    struct erg_buf scratch;
    struct erg_jsonw w;
    erg_redact_init(&redact, sink, user);
    erg_buf_init(&scratch);
    if (html->request->without_text)
        erg_jsonw_init_sink(&w, &scratch, erg_redact_put, &redact);
    else
        erg_jsonw_init_sink(&w, &scratch, sink, user);
    const struct erg_view view = {html->request->store, html->request->run_id, &w};
    int rc = answer->write(html, &view);
    int end = erg_jsonw_finish(&w);
    if (rc == 0 && end)
        rc = erg_out_fail(html->err, end);
    erg_buf_deinit(&scratch);
    return rc;
}

static int put_bytes(void *user, const char *bytes, size_t len)
{
    return erg_html_put(user, bytes, len);
}

static int write_compressed(struct erg_html *html, const struct erg_html_answer *answer)
{
    struct erg_gzip64 *gzip64 = NULL;
    int rc = erg_html_puts(html, "\"");
    if (rc == 0)
        rc = erg_gzip64_open(&gzip64, put_bytes, html, html->err);
    if (rc == 0)
        rc = write_answer(html, answer, erg_gzip64_put, gzip64);
    if (rc == 0)
        rc = erg_gzip64_finish(gzip64, html->err);
    erg_gzip64_close(gzip64);
    return rc ? rc : erg_html_puts(html, "\"");
}

int erg_html_put_answers(struct erg_html *html, const struct erg_html_answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct erg_html_answer *answer = &answers[i];
        int rc = erg_html_begin(html, answer->rest, answer->form);
        if (rc == 0 && answer->form == ERG_HTML_GZIP)
            rc = write_compressed(html, answer);
        else if (rc == 0)
            rc = write_answer(html, answer, erg_html_put_json, html);
        if (rc == 0)
            rc = erg_html_end(html);
        if (rc)
            return rc;
    }
    return 0;
}

static void put_texts(struct erg_jsonw *w, const char *key, const char *const *texts, size_t count)
{
    erg_jsonw_key(w, key);
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < count; i++)
        erg_jsonw_str(w, texts[i]);
    erg_jsonw_arr_end(w);
}

int erg_html_put_about(struct erg_html *html, const char *const *runs, size_t run_count,
                       const char *const *groups, size_t group_count)
{
    struct erg_buf json;
    struct erg_jsonw w;
    erg_buf_init(&json);
    erg_jsonw_init(&w, &json);
    erg_jsonw_obj_begin(&w);
    put_texts(&w, "runs", runs, run_count);
    put_texts(&w, "compare", groups, group_count);
    erg_jsonw_kstr(&w, "version", ERGON_VERSION);
    erg_jsonw_kbool(&w, "without_text", html->request->without_text);
    erg_jsonw_obj_end(&w);
    int rc = erg_jsonw_finish(&w);
    rc = rc ? erg_out_fail(html->err, rc)
            : erg_html_puts(html, "<script type=\"application/json\" id=\"about\">");
    if (rc == 0)
        rc = erg_html_put_json(html, json.data, json.len);
    erg_buf_deinit(&json);
    return rc ? rc : erg_html_end(html);
}

int erg_html_open_run(struct erg_html *html)
{
    const struct erg_export_request *request = html->request;
    int rc = erg_view_split_choose(request->store, request->run_id, NULL, &html->split, html->err);
    return rc ? rc
              : erg_view_sums(request->store, request->run_id, &html->split, &html->sums, NULL,
                              html->err);
}

static int put_run(struct erg_html *html)
{
    const struct erg_export_request *request = html->request;
    int rc = erg_html_open_run(html);
    if (rc == 0)
        rc = erg_html_put_about(html, &request->run_id, 1, NULL, 0);
    if (rc == 0)
        rc = erg_html_put_answers(html, &erg_html_summary, 1);
    if (rc == 0)
        rc = erg_html_put_answers(html, answers_of_run,
                                  sizeof answers_of_run / sizeof answers_of_run[0]);
    if (rc == 0)
        rc = erg_html_put_answers(html, &erg_html_power, 1);
    if (rc == 0)
        rc = erg_html_put_answers(html, &erg_html_grid, 1);
    if (rc == 0)
        rc = erg_html_put_stacks(html);
    erg_run_sums_deinit(&html->sums);
    return rc;
}

static const char *find_marker(void)
{
    const char *page = (const char *)erg_report_page;
    size_t len = sizeof marker - 1;
    for (size_t at = 0; at + len <= erg_report_page_bytes; at++) {
        if (memcmp(page + at, marker, len) == 0)
            return page + at;
    }
    return NULL;
}

static int write_html(const struct erg_export_request *request, struct erg_err *err)
{
    const char *page = (const char *)erg_report_page, *hole = find_marker();
    struct erg_html html = {
        .request = request,
        .most_bytes = MOST_BYTES,
        .err = err,
    };
    if (!hole)
        return erg_fail(err, ERG_UNSUPPORTED,
                        "cannot make a report: this program was built without the dashboard");
    erg_out_init(&html.out, request, err);
    int rc = erg_html_put(&html, page, (size_t)(hole - page));
    if (rc == 0)
        rc = request->groups ? erg_html_put_comparison(&html) : put_run(&html);
    hole += sizeof marker - 1;
    if (rc == 0)
        rc = erg_html_put(&html, hole, erg_report_page_bytes - (size_t)(hole - page));
    if (rc == 0)
        rc = erg_out_flush(&html.out);
    erg_out_deinit(&html.out);
    return rc;
}

const struct erg_exporter erg_export_html = {
    .name = "html",
    .summary = "a page with the Analysis view of the run, in one file that needs no server",
    .media_type = "text/html; charset=utf-8",
    .extension = "html",
    .write = write_html,
};
