/* SPDX-License-Identifier: MIT */
#include "cli/pages.h"

#include <string.h>

/* Inside '…': quotes end and begin again, and _arguments' own characters are escaped. */
static void put_quoted(struct erg_buf *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'')
            erg_buf_puts(out, "'\\''");
        else if (strchr(special, *text))
            erg_buf_printf(out, "\\%c", *text);
        else
            erg_buf_putc(out, *text);
    }
}

static void put_value(struct erg_buf *out, const struct erg_option *option)
{
    enum erg_page_value kind = erg_page_value_of(option);
    if (kind == ERG_PAGE_NO_VALUE)
        return;
    erg_buf_putc(out, ':');
    put_quoted(out, option->value, ":");
    erg_buf_putc(out, ':');
    if (kind == ERG_PAGE_FILES)
        erg_buf_puts(out, "_files");
    if (kind == ERG_PAGE_FOLDERS)
        erg_buf_puts(out, "_files -/");
    if (kind != ERG_PAGE_WORDS)
        return;
    erg_buf_putc(out, '(');
    for (const char *c = option->choices; *c; c++) {
        if (*c == ':')
            erg_buf_putc(out, '\\');
        erg_buf_putc(out, *c == '|' ? ' ' : *c);
    }
    erg_buf_putc(out, ')');
}

/* '(-m --model)'{-m+,--model=}'[help]:FILE:_files' */
static void put_option(struct erg_buf *out, const struct erg_option *option)
{
    bool takes = erg_page_value_of(option) != ERG_PAGE_NO_VALUE;
    bool list = option->kind == ERG_OPT_LIST;
    erg_buf_puts(out, "    ");
    if (option->letter) {
        if (list)
            erg_buf_puts(out, "'*'");
        else
            erg_buf_printf(out, "'(-%c --%s)'", option->letter, option->name);
        erg_buf_printf(out, "{-%c%s,--%s%s}'", option->letter, takes ? "+" : "", option->name,
                       takes ? "=" : "");
    } else {
        erg_buf_printf(out, "'%s--%s%s", list ? "*" : "", option->name, takes ? "=" : "");
    }
    erg_buf_putc(out, '[');
    put_quoted(out, option->help, "[]");
    erg_buf_putc(out, ']');
    put_value(out, option);
    erg_buf_puts(out, "'\n");
}

static void put_options(struct erg_buf *out, const char *array, const struct erg_option *at)
{
    const struct erg_option *option;
    erg_buf_printf(out, "  %s=(\n", array);
    while ((option = erg_page_next_option(&at)))
        put_option(out, option);
    erg_buf_puts(out, "  )\n");
}

static void put_command(struct erg_buf *out, const struct erg_page_command *command)
{
    erg_buf_printf(out, "  %s)\n", command->name);
    put_options(out, "own", command->options);
    erg_buf_puts(out, "  _arguments -s -S $own $globals '*:argument:_files'\n  ;;\n");
}

void erg_page_zsh(const struct erg_pages *pages, struct erg_buf *out)
{
    erg_buf_puts(out, "#compdef ergon\n# generated from the option tables of ergon\n\n_ergon() {\n"
                      "  local curcontext=$curcontext state line\n"
                      "  local -a commands globals own\n"
                      "  typeset -A opt_args\n  commands=(\n");
    for (size_t i = 0; i < pages->command_count; i++) {
        erg_buf_printf(out, "    '%s:", pages->commands[i].name);
        put_quoted(out, pages->commands[i].summary, "");
        erg_buf_puts(out, "'\n");
    }
    erg_buf_puts(out, "    'help:print the help of a command'\n  )\n");
    put_options(out, "globals", pages->globals);
    erg_buf_puts(out, "  _arguments -C -s -S $globals '1:command:->command' "
                      "'*::argument:->argument' && return\n"
                      "  if [[ $state == command ]]; then\n"
                      "    _describe -t commands command commands\n    return\n  fi\n"
                      "  curcontext=${curcontext%:*:*}:ergon-$words[1]:\n"
                      "  case $words[1] in\n"
                      "  help) _describe -t commands command commands ;;\n");
    for (size_t i = 0; i < pages->command_count; i++)
        put_command(out, &pages->commands[i]);
    erg_buf_puts(out, "  esac\n}\n\n_ergon \"$@\"\n");
}
