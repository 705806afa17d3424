/* SPDX-License-Identifier: MIT */
#include "cli/pages.h"

#include <string.h>

const struct erg_option *erg_page_next_option(const struct erg_option **at)
{
    for (; *at && ((*at)->kind != ERG_OPT_HEADING || (*at)->help); (*at)++) {
        if ((*at)->kind != ERG_OPT_HEADING)
            return (*at)++;
    }
    return NULL;
}

enum erg_page_value erg_page_value_of(const struct erg_option *option)
{
    if (option->kind == ERG_OPT_FLAG || option->kind == ERG_OPT_HEADING)
        return ERG_PAGE_NO_VALUE;
    if (option->choices)
        return ERG_PAGE_WORDS;
    if (strncmp(option->value, "DIR", 3) == 0)
        return ERG_PAGE_FOLDERS;
    if (strncmp(option->value, "FILE", 4) == 0 || strncmp(option->value, "PATH", 4) == 0)
        return ERG_PAGE_FILES;
    return ERG_PAGE_ANYTHING;
}
