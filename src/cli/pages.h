/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_PAGES_H
#define ERG_CLI_PAGES_H

#include "base/buf.h"
#include "cli/options.h"

/*
 * The manual page and the completion scripts, written from what the help texts are written from:
 * the commands and their option tables.
 */
struct erg_page_command {
    const char *name, *summary, *usage, *description; /* description NULL = the summary */
    const struct erg_option *options;                 /* NULL = none of its own */
};

struct erg_pages {
    const char *version;
    const struct erg_page_command *commands;
    size_t command_count;
    const struct erg_option *globals;
};

/* ergon.1, for groff's man macros. */
void erg_page_man(const struct erg_pages *pages, struct erg_buf *out);
/* Completion scripts of three shells. */
void erg_page_bash(const struct erg_pages *pages, struct erg_buf *out);
void erg_page_zsh(const struct erg_pages *pages, struct erg_buf *out);
void erg_page_fish(const struct erg_pages *pages, struct erg_buf *out);

/* What completion offers for an option's value. */
enum erg_page_value {
    ERG_PAGE_NO_VALUE, /* the option takes none */
    ERG_PAGE_WORDS,    /* one of its `choices` */
    ERG_PAGE_FILES,
    ERG_PAGE_FOLDERS,
    ERG_PAGE_ANYTHING, /* nothing can be offered */
};
enum erg_page_value erg_page_value_of(const struct erg_option *option);

/* The option at `*at` or behind it, headings left out; NULL at the end of the table. */
const struct erg_option *erg_page_next_option(const struct erg_option **at);

#endif
