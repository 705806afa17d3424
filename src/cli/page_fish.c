/* SPDX-License-Identifier: MIT */
#include "cli/pages.h"

/* 'text' */
static void put_quoted(struct erg_buf *out, const char *text)
{
    erg_buf_putc(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            erg_buf_putc(out, '\\');
        erg_buf_putc(out, *text);
    }
    erg_buf_putc(out, '\'');
}

static void put_value(struct erg_buf *out, const struct erg_option *option)
{
    switch (erg_page_value_of(option)) {
    case ERG_PAGE_NO_VALUE:
        return;
    case ERG_PAGE_FILES:
        erg_buf_puts(out, " -r -F");
        return;
    case ERG_PAGE_FOLDERS:
        erg_buf_puts(out, " -x -a '(__fish_complete_directories)'");
        return;
    case ERG_PAGE_ANYTHING:
        erg_buf_puts(out, " -x");
        return;
    case ERG_PAGE_WORDS:
        break;
    }
    erg_buf_puts(out, " -x -a '");
    for (const char *c = option->choices; *c; c++)
        erg_buf_putc(out, *c == '|' ? ' ' : *c);
    erg_buf_putc(out, '\'');
}

/* `command` NULL: everywhere. */
static void put_options(struct erg_buf *out, const char *command, const struct erg_option *at)
{
    const struct erg_option *option;
    while ((option = erg_page_next_option(&at))) {
        erg_buf_puts(out, "complete -c ergon");
        if (command)
            erg_buf_printf(out, " -n '__fish_seen_subcommand_from %s'", command);
        if (option->letter)
            erg_buf_printf(out, " -s %c", option->letter);
        erg_buf_printf(out, " -l %s", option->name);
        put_value(out, option);
        erg_buf_puts(out, " -d ");
        put_quoted(out, option->help);
        erg_buf_putc(out, '\n');
    }
}

void erg_page_fish(const struct erg_pages *pages, struct erg_buf *out)
{
    erg_buf_puts(out, "# fish completion for ergon, generated from its option tables\n");
    for (size_t i = 0; i < pages->command_count; i++) {
        const struct erg_page_command *command = &pages->commands[i];
        erg_buf_printf(out, "complete -c ergon -f -n __fish_use_subcommand -a %s -d ",
                       command->name);
        put_quoted(out, command->summary);
        erg_buf_putc(out, '\n');
        put_options(out, command->name, command->options);
    }
    put_options(out, NULL, pages->globals);
}
