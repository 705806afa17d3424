/* SPDX-License-Identifier: MIT */
#include "cli/pages.h"

#include <ctype.h>
#include <string.h>

/* A text of the page: roff's own characters are escaped, '-' stays one that can be copied. */
static void put_text(struct erg_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\')
            erg_buf_puts(out, "\\e");
        else if (text[i] == '-')
            erg_buf_puts(out, "\\-");
        else if (text[i] == '\'')
            erg_buf_puts(out, "\\(aq");
        else if (text[i] == '.' && (i == 0 || text[i - 1] == '\n'))
            erg_buf_puts(out, "\\&.");
        else
            erg_buf_putc(out, text[i]);
    }
}

static void put(struct erg_buf *out, const char *text)
{
    put_text(out, text, strlen(text));
}

/* "\fBruns\fR [options]" */
static void put_synopsis(struct erg_buf *out, const struct erg_page_command *command)
{
    erg_buf_puts(out, "\\fBergon ");
    put(out, command->name);
    erg_buf_puts(out, "\\fR ");
    put(out, command->usage);
    erg_buf_putc(out, '\n');
}

/* Paragraphs; indented lines are examples and keep their line breaks. */
static void put_description(struct erg_buf *out, const char *text)
{
    bool example = false;
    while (*text) {
        size_t len = strcspn(text, "\n");
        bool indented = len && text[0] == ' ';
        if (indented != example)
            erg_buf_puts(out, indented ? ".PP\n.nf\n" : ".fi\n.PP\n");
        example = indented;
        if (!len && !example)
            erg_buf_puts(out, ".PP\n");
        put_text(out, text, len);
        if (len)
            erg_buf_putc(out, '\n');
        text += len + (text[len] != '\0');
        while (example && *text == '\n') /* the example's own blank lines end it */
            text++;
    }
    if (example)
        erg_buf_puts(out, ".fi\n");
}

static void put_option(struct erg_buf *out, const struct erg_option *option)
{
    erg_buf_puts(out, ".TP\n\\fB");
    if (option->letter)
        erg_buf_printf(out, "\\-%c\\fR, \\fB", option->letter);
    erg_buf_puts(out, "\\-\\-");
    put(out, option->name);
    erg_buf_puts(out, "\\fR");
    if (option->value) {
        erg_buf_puts(out, " \\fI");
        put(out, option->value);
        erg_buf_puts(out, "\\fR");
    }
    erg_buf_putc(out, '\n');
    put(out, option->help);
    erg_buf_putc(out, '\n');
}

static void put_options(struct erg_buf *out, const struct erg_option *at)
{
    const struct erg_option *option;
    while ((option = erg_page_next_option(&at)))
        put_option(out, option);
}

static void put_command(struct erg_buf *out, const struct erg_page_command *command)
{
    erg_buf_puts(out, ".SS ergon ");
    put(out, command->name);
    erg_buf_putc(out, '\n');
    put_synopsis(out, command);
    erg_buf_puts(out, ".PP\n");
    put_description(out, command->description ? command->description : command->summary);
    put_options(out, command->options);
}

static const char tail[] =
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBERGON_DB\\fR\nthe store, unless \\fB\\-\\-db\\fR names one\n"
    ".TP\n\\fBERGON_MODELS_DIR\\fR\nwhere models are looked for by name\n"
    ".TP\n\\fBNO_COLOR\\fR\nno colours, whatever its value\n"
    ".SH FILES\n"
    ".TP\n\\fI$XDG_DATA_HOME/ergon/ergon.db\\fR\nthe store: an SQLite database\n"
    ".TP\n\\fI$XDG_DATA_HOME/ergon/models\\fR\nmodels of the user\n"
    ".SH EXIT STATUS\n"
    ".TP\n\\fB0\\fR\nit worked\n"
    ".TP\n\\fB1\\fR\nit worked, and the answer is no\n"
    ".TP\n\\fB2\\fR\nwrong usage\n"
    ".TP\n\\fB3\\fR\na named power source cannot be used\n"
    ".TP\n\\fB4\\fR\nmodel, store or another file cannot be used\n"
    ".TP\n\\fB5\\fR\ninterrupted, or the engine died\n"
    ".SH EXAMPLE\n.nf\n"
    "ergon run \\-m tales \\-p \"Once upon a time\" \\-n 200\n"
    "ergon show last \\-\\-by component\n"
    ".fi\n";

void erg_page_man(const struct erg_pages *pages, struct erg_buf *out)
{
    erg_buf_printf(out, ".\\\" generated from the option tables\n.TH ERGON 1 \"\" \"ergon %s\"\n",
                   pages->version);
    erg_buf_puts(out, ".SH NAME\nergon \\- energy profiler for transformer inference\n"
                      ".SH SYNOPSIS\n\\fBergon\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n");
    erg_buf_puts(out, ".SH DESCRIPTION\n"
                      "Runs a language model, measures the machine\\(aqs power meanwhile, and says "
                      "where the joules went:\nphase, token, layer, component, operation.\n"
                      "Standard output is the product, standard error is talk.\n");
    erg_buf_puts(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < pages->command_count; i++)
        put_command(out, &pages->commands[i]);
    erg_buf_puts(out, ".SH OPTIONS OF EVERY COMMAND\n");
    put_options(out, pages->globals);
    erg_buf_puts(out, tail);
}
