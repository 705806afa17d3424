/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "cli/pages.h"

#include <string.h>

static const struct {
    const char *name;
    void (*write)(const struct erg_pages *pages, struct erg_buf *out);
} kinds[] = {
    {"man", erg_page_man},
    {"bash", erg_page_bash},
    {"zsh", erg_page_zsh},
    {"fish", erg_page_fish},
};

/* The commands that people see; at most `room`. */
static size_t list_commands(struct erg_page_command *out, size_t room)
{
    const struct erg_command *command;
    size_t count = 0;
    for (size_t i = 0; (command = erg_command_at(i)) && count < room; i++) {
        if (command->hidden)
            continue;
        out[count++] = (struct erg_page_command){command->name, command->summary, command->usage,
                                                 command->description, command->options};
    }
    return count;
}

static int run(struct erg_cli *cli)
{
    struct erg_page_command commands[64];
    struct erg_pages pages = {
        .version = ERGON_VERSION,
        .commands = commands,
        .command_count = list_commands(commands, sizeof commands / sizeof commands[0]),
        .globals = erg_cli_global_options(),
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct erg_buf text = {0};
        if (strcmp(kinds[i].name, cli->args[0]) != 0)
            continue;
        kinds[i].write(&pages, &text);
        int status = erg_cli_put(cli, &text);
        erg_buf_deinit(&text);
        return status;
    }
    return erg_cli_usage(cli, "unknown page '%.32s': known are man, bash, zsh, fish", cli->args[0]);
}

/* For the build, which installs what it prints. */
const struct erg_command erg_cmd_generate = {
    .name = "generate",
    .summary = "the manual page and the completion scripts of three shells",
    .usage = "man|bash|zsh|fish",
    .hidden = true,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
