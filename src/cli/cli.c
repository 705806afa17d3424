/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "base/mem.h"
#include "base/system.h"
#include "base/utf8.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct erg_option global_options[] = {
    {.kind = ERG_OPT_HEADING, .help = "Options of every command:"},
    {.kind = ERG_OPT_STRING,
     .name = "db",
     .value = "PATH",
     .help = "the store [$ERGON_DB, else $XDG_DATA_HOME/ergon/ergon.db]",
     .offset = offsetof(struct erg_globals, db)},
    {.kind = ERG_OPT_STRING,
     .name = "models-dir",
     .value = "DIR",
     .help = "where models are looked for by name [$ERGON_MODELS_DIR]",
     .offset = offsetof(struct erg_globals, models_dir)},
    {.kind = ERG_OPT_FLAG,
     .name = "json",
     .help = "print JSON instead of text",
     .offset = offsetof(struct erg_globals, json)},
    {.kind = ERG_OPT_FLAG,
     .letter = 'q',
     .name = "quiet",
     .help = "no progress and no remarks on standard error",
     .offset = offsetof(struct erg_globals, quiet)},
    {.kind = ERG_OPT_CHOICE,
     .name = "log",
     .value = "COMPONENTS",
     .choices = "engine|all",
     .help = "print on standard error what these parts log: engine, all",
     .offset = offsetof(struct erg_globals, log)},
    {.kind = ERG_OPT_STRING,
     .name = "sysroot",
     .value = "DIR",
     .help = "read sensors below DIR/sys and DIR/proc",
     .offset = offsetof(struct erg_globals, sysroot)},
    {.kind = ERG_OPT_FLAG,
     .letter = 'h',
     .name = "help",
     .help = "print this help",
     .offset = offsetof(struct erg_globals, help)},
    {.kind = ERG_OPT_FLAG,
     .letter = 'V',
     .name = "version",
     .help = "print the version",
     .offset = offsetof(struct erg_globals, version)},
    {.kind = ERG_OPT_HEADING},
};

const struct erg_option *erg_cli_global_options(void)
{
    return global_options;
}

static const struct erg_option no_options[] = {{.kind = ERG_OPT_HEADING}};

/* --- output ----------------------------------------------------------------------------------- */

static const char *command_name(const struct erg_cli *cli)
{
    return cli->command ? cli->command->name : "";
}

/* "ergon NAME: TEXT" on stderr; what of a user's words or a file's is not UTF-8 is not passed on.
 */
static void print_line(const struct erg_cli *cli, const char *text, const char *hint)
{
    const char *name = command_name(cli);
    struct erg_buf line = {0};
    erg_buf_printf(&line, "ergon%s%s: ", *name ? " " : "", name);
    erg_utf8_sanitize(text, strlen(text), &line);
    erg_buf_puts(&line, hint);
    fprintf(stderr, "%s\n", erg_buf_status(&line) ? "ergon: out of memory" : erg_buf_view(&line));
    erg_buf_deinit(&line);
}

static void print_error(const struct erg_cli *cli, const char *text)
{
    print_line(cli, text, "");
}

int erg_cli_fail(const struct erg_cli *cli, const struct erg_err *err)
{
    print_error(cli, err->text[0] ? err->text : erg_code_text(err->code));
    return erg_code_exit_status(err->code);
}

static int usage_error(const struct erg_cli *cli, const char *text)
{
    const char *name = command_name(cli);
    char hint[64];
    snprintf(hint, sizeof hint, " (try 'ergon %s%s--help')", name, *name ? " " : "");
    print_line(cli, text, hint);
    return ERG_EXIT_USAGE;
}

int erg_cli_usage(const struct erg_cli *cli, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return usage_error(cli, text);
}

void erg_cli_note(const struct erg_cli *cli, const char *fmt, ...)
{
    va_list ap;
    if (cli->globals.quiet)
        return;
    fprintf(stderr, "ergon %s: ", command_name(cli));
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static int stdout_failed(const struct erg_cli *cli)
{
    struct erg_err err = {0};
    /* Whoever read us (head, less) has seen enough. */
    if (errno == EPIPE)
        return ERG_EXIT_OK;
    erg_fail_errno(&err, errno, "cannot write to standard output");
    return erg_cli_fail(cli, &err);
}

int erg_cli_put(const struct erg_cli *cli, const struct erg_buf *text)
{
    if (erg_buf_status(text)) {
        struct erg_err err = {0};
        erg_fail(&err, erg_buf_status(text), "cannot print: %s",
                 erg_code_text(erg_buf_status(text)));
        return erg_cli_fail(cli, &err);
    }
    errno = 0;
    if (fwrite(erg_buf_view(text), 1, text->len, stdout) != text->len || fflush(stdout) != 0)
        return stdout_failed(cli);
    return ERG_EXIT_OK;
}

static int write_stdout(void *user, const char *bytes, size_t len)
{
    (void)user;
    if (fwrite(bytes, 1, len, stdout) == len)
        return 0;
    return errno == EPIPE ? ERG_GONE : ERG_IO;
}

void erg_cli_json_begin(struct erg_jsonw *w, struct erg_buf *scratch)
{
    erg_jsonw_init_sink(w, scratch, write_stdout, NULL);
    w->pretty = true;
}

int erg_cli_json_end(const struct erg_cli *cli, struct erg_jsonw *w)
{
    struct erg_err err = {0};
    int rc = erg_jsonw_finish(w);
    if (!rc)
        errno = 0; /* else it says why a write failed */
    if (!rc && fputc('\n', stdout) != EOF && fflush(stdout) == 0)
        return ERG_EXIT_OK;
    if (rc == ERG_GONE)
        return ERG_EXIT_OK;
    if (!rc || rc == ERG_IO)
        return stdout_failed(cli);
    erg_fail(&err, rc, "cannot print: %s", erg_code_text(rc));
    return erg_cli_fail(cli, &err);
}

/* --- what commands ask for -------------------------------------------------------------------- */

int erg_cli_store_path(const struct erg_cli *cli, char *out, size_t out_bytes, struct erg_err *err)
{
    if (!cli->globals.db)
        return erg_store_default_path(out, out_bytes, err);
    int len = snprintf(out, out_bytes, "%s", cli->globals.db);
    if (len <= 0)
        return erg_fail(err, ERG_INVALID, "the path after --db is empty");
    return (size_t)len < out_bytes ? 0
                                   : erg_fail(err, ERG_LIMIT, "the path after --db is too long");
}

int erg_cli_open_store(const struct erg_cli *cli, enum erg_store_mode mode, struct erg_store **out,
                       struct erg_err *err)
{
    char path[ERG_MAX_PATH_BYTES];
    int recovered = 0;
    int rc = erg_cli_store_path(cli, path, sizeof path, err);
    if (!rc)
        rc = erg_store_open(out, path, mode, &recovered, err);
    if (!rc && recovered)
        erg_cli_note(cli, "%d interrupted run%s found and closed", recovered,
                     recovered == 1 ? "" : "s");
    return rc;
}

int erg_cli_model_dirs(const struct erg_cli *cli, struct erg_model_dirs *out, struct erg_err *err)
{
    const char *program_dir = cli->program_dir[0] ? cli->program_dir : NULL;
    return erg_model_dirs_default(cli->globals.models_dir, program_dir, out, err);
}

int erg_cli_root(const struct erg_cli *cli, struct erg_root *out, struct erg_err *err)
{
    return erg_root_init(out, cli->globals.sysroot, err);
}

/* --- help ------------------------------------------------------------------------------------- */

static int print_overview(const struct erg_cli *cli)
{
    struct erg_buf text = {0};
    erg_buf_puts(&text, "ergon measures where the energy of running a transformer model goes.\n\n"
                        "usage: ergon COMMAND [options]\n\n");
    for (size_t i = 0; erg_command_at(i); i++) {
        const struct erg_command *command = erg_command_at(i);
        if (!command->hidden)
            erg_buf_printf(&text, "  %-10s %s\n", command->name, command->summary);
    }
    erg_buf_puts(&text, "\nTo begin: ergon run -m MODEL -p \"Once upon a time\"\n"
                        "More:     ergon COMMAND --help\n");
    erg_options_help(global_options, &text);
    int status = erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int print_command_help(const struct erg_cli *cli, const struct erg_command *command)
{
    struct erg_buf text = {0};
    erg_buf_printf(&text, "usage: ergon %s %s\n\n%s\n", command->name, command->usage,
                   command->description ? command->description : command->summary);
    if (command->options) {
        if (command->options->kind != ERG_OPT_HEADING)
            erg_buf_puts(&text, "\nOptions:\n");
        erg_options_help(command->options, &text);
    }
    erg_options_help(global_options, &text);
    int status = erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int unknown_command(struct erg_cli *cli, const char *name)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; erg_command_at(i) && count < 63; i++) {
        if (!erg_command_at(i)->hidden)
            names[count++] = erg_command_at(i)->name;
    }
    names[count] = NULL;
    const char *near = erg_nearest(name, names);
    return near ? erg_cli_usage(cli, "unknown command '%.64s': did you mean '%s'?", name, near)
                : erg_cli_usage(cli, "unknown command '%.64s'", name);
}

static int help_about(struct erg_cli *cli, size_t count, const char *const *words)
{
    if (!count)
        return print_overview(cli);
    const struct erg_command *command = erg_command_find(words[0]);
    return command ? print_command_help(cli, command) : unknown_command(cli, words[0]);
}

/* --- running ---------------------------------------------------------------------------------- */

static int check_arg_count(struct erg_cli *cli)
{
    const struct erg_command *command = cli->command;
    if (cli->arg_count < command->min_args)
        return erg_cli_usage(cli, "too few arguments: ergon %s %s", command->name, command->usage);
    if (cli->arg_count > command->max_args)
        return erg_cli_usage(cli, "unexpected argument '%.64s'", cli->args[command->max_args]);
    return ERG_EXIT_OK;
}

static int run_command(struct erg_cli *cli, int argc, const char *const *argv)
{
    const struct erg_command *command = cli->command;
    struct erg_err err = {0};
    ERG_AUTO_FREE void *values = erg_calloc(1, command->options_bytes);
    ERG_AUTO_FREE const char **args = erg_calloc((size_t)argc + 1, sizeof *args);
    if (!values || !args)
        return erg_cli_usage(cli, "out of memory");
    if (command->defaults)
        memcpy(values, command->defaults, command->options_bytes);
    struct erg_option_set sets[] = {
        {command->options ? command->options : no_options, values},
        {global_options, &cli->globals},
    };
    int used = erg_options_parse(sets, 2, argc, argv, false, args, &cli->arg_count, &err);
    if (used < 0)
        return usage_error(cli, err.text);
    if (cli->globals.help)
        return print_command_help(cli, command);
    cli->args = args;
    cli->options = values;
    int status = check_arg_count(cli);
    return status ? status : command->run(cli);
}

/* The folder this program lies in; "" when that cannot be told. */
static void find_program_dir(char *out, size_t out_bytes)
{
    if (erg_system_program_path(out, out_bytes) < 0)
        out[0] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
}

static int print_version(const struct erg_cli *cli)
{
    struct erg_buf text = {0};
    erg_buf_puts(&text, "ergon " ERGON_VERSION "\n");
    int status = erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int dispatch(struct erg_cli *cli, int argc, const char *const *argv)
{
    struct erg_option_set globals = {global_options, &cli->globals};
    struct erg_err err = {0};
    size_t words = 0;
    ERG_AUTO_FREE const char **rest = erg_calloc((size_t)argc + 1, sizeof *rest);
    if (!rest)
        return erg_cli_usage(cli, "out of memory");
    int used = erg_options_parse(&globals, 1, argc, argv, true, rest, &words, &err);
    if (used < 0 && strncmp(err.text, "unknown option", 14) == 0)
        return erg_cli_usage(cli, "%s; options of a command stand behind its name", err.text);
    if (used < 0)
        return usage_error(cli, err.text);
    if (cli->globals.version)
        return print_version(cli);
    if (!words)
        return cli->globals.help || argc == 0 ? print_overview(cli)
                                              : erg_cli_usage(cli, "no command given");
    if (strcmp(rest[0], "help") == 0)
        return help_about(cli, (size_t)(argc - used), argv + used);
    cli->command = erg_command_find(rest[0]);
    if (!cli->command)
        return unknown_command(cli, rest[0]);
    return run_command(cli, argc - used, argv + used);
}

int erg_cli_main(int argc, const char *const *argv)
{
    struct erg_cli cli = {0};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    /* A reader that goes away is an error of write(), not the end of a measurement. */
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* likewise a file that may not grow (ulimit -f) */
    erg_term_init(&cli.term);
    find_program_dir(cli.program_dir, sizeof cli.program_dir);
    return dispatch(&cli, argc > 0 ? argc - 1 : 0, argv + 1);
}
