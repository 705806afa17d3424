/* SPDX-License-Identifier: MIT */
#include "cli/serve_start.h"

#include "base/num.h"
#include "cli/doctor_power.h"
#include "power/power.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_any(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

void erg_serve_url(const struct erg_serve_start *start, char *out, size_t out_bytes)
{
    bool here = strcmp(start->host, "localhost") == 0 || is_any(start->host);
    const char *host = here ? "127.0.0.1" : start->host;
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(out, out_bytes, "http://%s%s%s:%d/%s%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             start->port, start->token ? "#t=" : "", start->token ? start->token : "");
}

/* Of the file and what SQLite keeps beside it; 0 = none yet. */
static int64_t store_bytes(const char *path)
{
    static const char *const parts[] = {"", "-wal"};
    int64_t bytes = 0;
    for (size_t i = 0; i < 2; i++) {
        char name[ERG_MAX_PATH_BYTES + 8];
        struct stat st;
        snprintf(name, sizeof name, "%s%s", path, parts[i]);
        if (stat(name, &st) == 0)
            bytes += st.st_size;
    }
    return bytes;
}

static size_t count_models(const struct erg_model_dirs *dirs)
{
    struct erg_model_list list;
    if (erg_model_discover(dirs, &list, NULL))
        return 0;
    size_t count = list.count;
    erg_model_list_deinit(&list);
    return count;
}

/* What is ready, and what could be; what this machine does not have takes one line. */
static void put_power(const struct erg_cli *cli, const struct erg_root *root, struct erg_buf *out)
{
    struct erg_power_probe probe;
    struct erg_buf absent = {0};
    bool has_sensor = false, has_any = false;
    for (size_t i = 0; erg_power_probe(i, root, &probe); i++) {
        const char *what = probe.reason[0] ? probe.reason : probe.summary;
        if (probe.state == ERG_POWER_ABSENT)
            erg_buf_printf(&absent, " %s", probe.name);
        else
            erg_doctor_put_line(&cli->term, erg_power_state_name(probe.state), probe.name, what,
                                probe.remedy, out);
        has_any |= probe.state == ERG_POWER_READY;
        has_sensor |= probe.state == ERG_POWER_READY && strcmp(probe.name, "estimate") != 0;
    }
    if (absent.len)
        erg_buf_printf(out, "  %sabsent %s%s\n", erg_term_dim(&cli->term), erg_buf_view(&absent),
                       erg_term_reset(&cli->term));
    if (!has_sensor)
        erg_buf_printf(out, "  %s; 'ergon doctor' says how to get real joules\n",
                       has_any ? "No sensor can be read: energies are estimates"
                               : "Nothing gives energies: only times are measured");
    erg_buf_deinit(&absent);
}

static void put_text(const struct erg_cli *cli, const struct erg_serve_start *start,
                     struct erg_buf *out)
{
    char url[1024], size[32];
    int64_t bytes = store_bytes(start->store_path);
    erg_serve_url(start, url, sizeof url);
    erg_format_bytes((uint64_t)bytes, size, sizeof size);
    erg_buf_printf(out, "%s %s%s%s\n", start->has_dashboard ? "Dashboard" : "API",
                   erg_term_bold(&cli->term), url, erg_term_reset(&cli->term));
    erg_buf_printf(out, "Store     %s, %s\n", start->store_path, size);
    erg_buf_printf(out, "Models    %zu%s\n", count_models(start->model_dirs),
                   start->has_dashboard ? "" : "   (this build has no dashboard)");
    erg_buf_puts(out, "Power\n");
    put_power(cli, start->root, out);
    if (is_any(start->host))
        erg_buf_puts(out, "Other machines can reach this, and nothing on the way is encrypted: "
                          "better is ssh -L, or a proxy that speaks TLS.\n");
    erg_buf_puts(out, "Ctrl-C ends it.\n");
}

static void put_json(const struct erg_serve_start *start, struct erg_buf *out)
{
    char url[1024];
    struct erg_jsonw w;
    struct erg_power_probe probe;
    erg_serve_url(start, url, sizeof url);
    erg_jsonw_init(&w, out);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "url", url);
    erg_jsonw_kint(&w, "port", start->port);
    erg_jsonw_kbool(&w, "dashboard", start->has_dashboard);
    erg_jsonw_key(&w, "store");
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "path", start->store_path);
    erg_jsonw_kint(&w, "file_bytes", store_bytes(start->store_path));
    erg_jsonw_obj_end(&w);
    erg_jsonw_kint(&w, "models", (int64_t)count_models(start->model_dirs));
    erg_jsonw_key(&w, "power");
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; erg_power_probe(i, start->root, &probe); i++) {
        erg_jsonw_obj_begin(&w);
        erg_jsonw_kstr(&w, "name", probe.name);
        erg_jsonw_kstr(&w, "state", erg_power_state_name(probe.state));
        erg_jsonw_kstr(&w, "reason", probe.reason);
        erg_jsonw_kstr(&w, "remedy", probe.remedy[0] ? probe.remedy : NULL);
        erg_jsonw_obj_end(&w);
    }
    erg_jsonw_arr_end(&w);
    erg_jsonw_obj_end(&w);
    erg_buf_putc(out, '\n');
}

int erg_serve_print_start(const struct erg_cli *cli, const struct erg_serve_start *start)
{
    struct erg_buf text = {0};
    if (cli->globals.json)
        put_json(start, &text);
    else
        put_text(cli, start, &text);
    int status = erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}
