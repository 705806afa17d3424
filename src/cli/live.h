/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_LIVE_H
#define ERG_CLI_LIVE_H

#include "cli/cli.h"
#include "record/session.h"

/*
 * What is seen while a run goes on: the generated text on stdout (each token tinted by its energy
 * on a terminal), progress in one line of a terminal's stderr, warnings.
 */
struct erg_live {
    const struct erg_cli *cli;
    bool show_text; /* stdout is for people */
    struct erg_heat heat;
    bool progress_shown;
    bool text_shown;
    bool line_open; /* the text does not end with a line break */
};

void erg_live_init(struct erg_live *live, const struct erg_cli *cli, bool show_text,
                   struct erg_run_observer *out);

/* End of the run: clears the progress, ends the text's line. */
void erg_live_end(struct erg_live *live);

/* From now on the first Ctrl-C asks the run to stop, the second one kills. */
void erg_live_catch_interrupts(void);
bool erg_live_interrupted(void);

#endif
