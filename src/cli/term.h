/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_TERM_H
#define ERG_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

/* What stdout and stderr can show. */
struct erg_term {
    bool out_is_terminal, err_is_terminal;
    bool colors;      /* on stdout: a terminal, no NO_COLOR, TERM not "dumb" */
    bool many_colors; /* 256 of them */
    size_t columns;   /* of the terminal, at most 100; 100 when it is none */
};

void erg_term_init(struct erg_term *term);

/*
 * Escape sequence for a heat between 0 (cool) and 1 (hot): foreground only, readable on dark and
 * light backgrounds. "" without colours.
 */
const char *erg_term_heat(const struct erg_term *term, double heat);
const char *erg_term_bold(const struct erg_term *term);
const char *erg_term_dim(const struct erg_term *term);
const char *erg_term_reset(const struct erg_term *term);

/*
 * The heat of a value among those seen so far: 0 below or at the middle, 1 at twice the middle.
 * The middle follows the values as a running median, so that a single outlier stays visible.
 */
struct erg_heat {
    double middle;
    size_t count;
};

double erg_heat_add(struct erg_heat *heat, double value);

#endif
