/* SPDX-License-Identifier: MIT */
#include "cli/live.h"

#include "base/utf8.h"
#include "stream/taxonomy.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void erg_live_catch_interrupts(void)
{
    /* SA_RESETHAND: the second signal finds the default action. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        /* What nohup or a shell's background has switched off stays off. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

bool erg_live_interrupted(void)
{
    return interrupted != 0;
}

static bool shows_progress(const struct erg_live *live)
{
    return live->cli->term.err_is_terminal && !live->cli->globals.quiet;
}

static void clear_progress(struct erg_live *live)
{
    if (!live->progress_shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    live->progress_shown = false;
}

static void show_progress(struct erg_live *live, const char *text)
{
    fprintf(stderr, "\r\033[K%s …", text);
    fflush(stderr);
    live->progress_shown = true;
}

static void on_stage(void *user, const char *what)
{
    struct erg_live *live = user;
    if (shows_progress(live))
        show_progress(live, what);
}

static void on_progress(void *user, uint32_t phase, int layer, uint32_t done, uint32_t total)
{
    struct erg_live *live = user;
    char text[160];
    const char *name = erg_phase_name(phase);
    if (!shows_progress(live) || (live->text_shown && live->cli->term.out_is_terminal))
        return;
    int len = snprintf(text, sizeof text, "%s: %" PRIu32, name ? name : "run", done);
    if (total)
        len += snprintf(text + len, sizeof text - (size_t)len, " of %" PRIu32, total);
    len += snprintf(text + len, sizeof text - (size_t)len, " tokens");
    if (layer >= 0)
        snprintf(text + len, sizeof text - (size_t)len, ", layer %d", layer);
    show_progress(live, text);
}

/* On a terminal the model's text must not be able to send it commands. */
static void put_text(FILE *file, bool is_terminal, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = erg_utf8_step(text + i, len - i);
        unsigned char c = (unsigned char)text[i];
        bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F ||
                       (step == 2 && c == 0xC2 && (unsigned char)text[i + 1] < 0xA0);
        step = step ? step : 1;
        if (control && is_terminal)
            fputs("\xEF\xBF\xBD", file);
        else
            fwrite(text + i, 1, step, file);
        i += step;
    }
}

static void on_token(void *user, const struct erg_token_row *row)
{
    struct erg_live *live = user;
    const struct erg_term *term = &live->cli->term;
    bool known = erg_energy_known(&row->energy);
    if (row->phase != ERG_PHASE_DECODE || !live->show_text)
        return;
    double heat = erg_heat_add(&live->heat, known ? (double)erg_energy_total_nj(&row->energy)
                                                  : (double)row->duration_ns);
    clear_progress(live);
    if (!row->text_len)
        return;
    fputs(erg_term_heat(term, heat), stdout);
    put_text(stdout, term->out_is_terminal, row->text, row->text_len);
    fputs(erg_term_reset(term), stdout);
    fflush(stdout);
    live->text_shown = true;
    live->line_open = row->text[row->text_len - 1] != '\n';
}

static void on_warning(void *user, const char *text)
{
    struct erg_live *live = user;
    /* With a report to come it is said there. */
    if (live->show_text || live->cli->globals.quiet)
        return;
    clear_progress(live);
    erg_cli_note(live->cli, "warning: %s", text);
}

static void on_log(void *user, uint32_t level, const char *text, size_t len)
{
    static const char *const levels[] = {"debug", "info", "warning", "error"};
    struct erg_live *live = user;
    clear_progress(live);
    fprintf(stderr, "engine: %s: ", level < 4 ? levels[level] : "?");
    put_text(stderr, true, text, len);
    fputc('\n', stderr);
}

static bool on_cancelled(void *user)
{
    (void)user;
    return erg_live_interrupted();
}

void erg_live_init(struct erg_live *live, const struct erg_cli *cli, bool show_text,
                   struct erg_run_observer *out)
{
    *live = (struct erg_live){.cli = cli, .show_text = show_text};
    *out = (struct erg_run_observer){
        .user = live,
        .stage = on_stage,
        .progress = on_progress,
        .token = on_token,
        .warning = on_warning,
        .log = cli->globals.log ? on_log : NULL,
        .cancelled = on_cancelled,
    };
}

void erg_live_end(struct erg_live *live)
{
    clear_progress(live);
    if (live->line_open)
        fputc('\n', stdout);
    fflush(stdout);
    live->line_open = false;
}
