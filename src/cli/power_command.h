/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_POWER_COMMAND_H
#define ERG_CLI_POWER_COMMAND_H

#include "cli/cli.h"

/* Values of the options of `ergon power`; 0 and NULL: not given. */
struct erg_power_cli {
    const char *power, *output;
    int64_t interval_ns, repeat_count, sample_count, duration_ns;
    bool csv;
};

/* Write to the file of --output, else to the stream; an exit status. */
int erg_power_put(const struct erg_cli *cli, const char *path, FILE *otherwise,
                  const struct erg_buf *text);

/* `ergon power -- CMD`: the exit status of the command, or ours when it could not be measured. */
int erg_power_command(struct erg_cli *cli, const struct erg_power_cli *options);

#endif
