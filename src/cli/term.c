/* SPDX-License-Identifier: MIT */
#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDEST = 100, NARROWEST = 40 };

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDEST;
    if (size.ws_col < NARROWEST)
        return NARROWEST;
    return size.ws_col < WIDEST ? size.ws_col : WIDEST;
}

void erg_term_init(struct erg_term *term)
{
    const char *type = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool dumb = !type || strcmp(type, "dumb") == 0;
    *term = (struct erg_term){
        .out_is_terminal = isatty(STDOUT_FILENO) == 1,
        .err_is_terminal = isatty(STDERR_FILENO) == 1 && !dumb,
        .columns = WIDEST,
    };
    term->colors = term->out_is_terminal && !dumb && !(no_color && *no_color);
    term->many_colors = term->colors && strstr(type, "256") != NULL;
    if (term->out_is_terminal)
        term->columns = terminal_columns();
}

const char *erg_term_heat(const struct erg_term *term, double heat)
{
    static const char *const few[] = {"\033[39m", "\033[36m", "\033[33m", "\033[31m"};
    static const char *const many[] = {"\033[39m",       "\033[38;5;37m",  "\033[38;5;71m",
                                       "\033[38;5;142m", "\033[38;5;172m", "\033[38;5;166m",
                                       "\033[38;5;160m"};
    if (!term->colors)
        return "";
    size_t steps = term->many_colors ? sizeof many / sizeof *many : sizeof few / sizeof *few;
    size_t step = heat <= 0 ? 0 : heat >= 1 ? steps - 1 : (size_t)(heat * (double)steps);
    return term->many_colors ? many[step] : few[step];
}

const char *erg_term_bold(const struct erg_term *term)
{
    return term->colors ? "\033[1m" : "";
}

const char *erg_term_dim(const struct erg_term *term)
{
    return term->colors ? "\033[2m" : "";
}

const char *erg_term_reset(const struct erg_term *term)
{
    return term->colors ? "\033[0m" : "";
}

double erg_heat_add(struct erg_heat *heat, double value)
{
    if (!(value > 0))
        return 0;
    if (heat->count++ == 0)
        heat->middle = value;
    double relative = value / heat->middle - 1;
    /* A stochastic median: steps of 5 %, larger ones at first. */
    double step = heat->count < 8 ? 0.2 : 0.05;
    heat->middle *= value > heat->middle ? 1 + step : value < heat->middle ? 1 - step : 1;
    return relative < 0 ? 0 : relative > 1 ? 1 : relative;
}
