/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include <string.h>

static const struct erg_command *const commands[] = {
    &erg_cmd_run,       &erg_cmd_serve,  &erg_cmd_runs,   &erg_cmd_show,   &erg_cmd_compare,
    &erg_cmd_export,    &erg_cmd_import, &erg_cmd_delete, &erg_cmd_models, &erg_cmd_synth,
    &erg_cmd_calibrate, &erg_cmd_sql,    &erg_cmd_power,  &erg_cmd_doctor, &erg_cmd_generate,
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

const struct erg_command *erg_command_at(size_t i)
{
    return i < COMMANDS ? commands[i] : NULL;
}

const struct erg_command *erg_command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}
