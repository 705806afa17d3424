/* SPDX-License-Identifier: MIT */
#include "cli/pages.h"

#include <string.h>

/* "--name" and "-x" of a table, separated by blanks. */
static void put_names(struct erg_buf *out, const struct erg_option *at)
{
    const struct erg_option *option;
    while ((option = erg_page_next_option(&at))) {
        if (option->letter)
            erg_buf_printf(out, "-%c ", option->letter);
        erg_buf_printf(out, "--%s ", option->name);
    }
}

/* One branch of the case over "COMMAND OPTION". */
static void put_value(struct erg_buf *out, const char *command, const struct erg_option *option)
{
    enum erg_page_value kind = erg_page_value_of(option);
    if (kind == ERG_PAGE_NO_VALUE)
        return;
    erg_buf_printf(out, "    '%s --%s'", command, option->name);
    if (option->letter)
        erg_buf_printf(out, " | '%s -%c'", command, option->letter);
    erg_buf_puts(out, ") ");
    if (kind == ERG_PAGE_FILES) {
        erg_buf_puts(out, "_ergon_files -f");
    } else if (kind == ERG_PAGE_FOLDERS) {
        erg_buf_puts(out, "_ergon_files -d");
    } else if (kind == ERG_PAGE_WORDS) {
        erg_buf_puts(out, "_ergon_words '");
        for (const char *c = option->choices; *c; c++)
            erg_buf_putc(out, *c == '|' ? ' ' : *c);
        erg_buf_putc(out, '\'');
    } else {
        erg_buf_puts(out, ":");
    }
    erg_buf_puts(out, " ;;\n");
}

static void put_values(struct erg_buf *out, const char *command, const struct erg_option *at)
{
    const struct erg_option *option;
    while ((option = erg_page_next_option(&at)))
        put_value(out, command, option);
}

static const char head[] = "# bash completion for ergon, generated from its option tables\n"
                           "\n"
                           "_ergon_words() {\n"
                           "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
                           "}\n"
                           "\n"
                           "_ergon_files() {\n"
                           "    compopt -o filenames 2>/dev/null || true\n"
                           "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
                           "}\n"
                           "\n"
                           "# Completes the value of an option; fails when it takes none.\n"
                           "_ergon_value() {\n"
                           "    case \"$1\" in\n";

static const char middle[] =
    "    *) return 1 ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_ergon() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i\n"
    "    COMPREPLY=()\n"
    "    # '=' is a word of its own: --name = value\n"
    "    if [[ $cur == '=' ]]; then\n"
    "        cur=''\n"
    "    elif [[ $prev == '=' ]]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case \"${COMP_WORDS[i]}\" in\n";

static const char tail[] = "    _ergon_value \"$command $prev\" && return\n"
                           "    _ergon_value \" $prev\" && return\n"
                           "    if [[ $cur != -* ]]; then\n"
                           "        if [[ -z $command || $command == help ]]; then\n"
                           "            _ergon_words \"$commands\"\n"
                           "        else\n"
                           "            _ergon_files -f\n"
                           "        fi\n"
                           "        return\n"
                           "    fi\n"
                           "    case \"$command\" in\n";

void erg_page_bash(const struct erg_pages *pages, struct erg_buf *out)
{
    erg_buf_puts(out, head);
    put_values(out, "", pages->globals);
    for (size_t i = 0; i < pages->command_count; i++)
        put_values(out, pages->commands[i].name, pages->commands[i].options);
    erg_buf_puts(out, middle);
    erg_buf_puts(out, "        help");
    for (size_t i = 0; i < pages->command_count; i++)
        erg_buf_printf(out, " | %s", pages->commands[i].name);
    erg_buf_puts(out, ") command=${COMP_WORDS[i]} ;;\n");
    erg_buf_puts(out, "        esac\n        [[ -n $command ]] && break\n    done\n");
    erg_buf_puts(out, "    local commands='help");
    for (size_t i = 0; i < pages->command_count; i++)
        erg_buf_printf(out, " %s", pages->commands[i].name);
    erg_buf_puts(out, "'\n");
    erg_buf_puts(out, tail);
    for (size_t i = 0; i < pages->command_count; i++) {
        erg_buf_printf(out, "    %s) _ergon_words '", pages->commands[i].name);
        put_names(out, pages->commands[i].options);
        put_names(out, pages->globals);
        erg_buf_puts(out, "' ;;\n");
    }
    erg_buf_puts(out, "    *) _ergon_words '");
    put_names(out, pages->globals);
    erg_buf_puts(out, "' ;;\n    esac\n}\n\ncomplete -F _ergon ergon\n");
}
