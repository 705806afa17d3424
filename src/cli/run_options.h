/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_RUN_OPTIONS_H
#define ERG_CLI_RUN_OPTIONS_H

#include "cli/cli.h"
#include "cli/profile.h"
#include "record/session.h"

enum { ERG_MAX_REPEATS = 1000 };

/* Values of the options of `ergon run`. */
struct erg_run_flags {
    const char *model, *prompt, *file;
    bool chat, no_bos, lines, ignore_eos, no_mmap, no_save;
    int64_t tokens, ctx, batch, ubatch, threads, threads_batch, prompt_tokens;
    double temperature, top_p;
    int64_t top_k, seed;
    const char *flash_attn, *cache_type_k, *cache_type_v, *mode, *power, *cpu_watts;
    int64_t power_interval_ms;
    double idle_seconds;
    struct erg_string_list profile;
    double overhead_budget; /* 0 = none */
    const char *repeat;     /* "auto" or a count; NULL = once */
    int64_t warmup;
    struct erg_string_list tags;
    const char *experiment, *record;
    const char *grid;
    double g_per_kwh, usd_per_kwh; /* < 0 = not given */
    const char *engine, *device;
    int64_t gpu_layers;
};

extern const struct erg_option erg_run_option_table[];
extern const struct erg_run_flags erg_run_flag_defaults;

/*
 * Check what a table of options cannot, and translate: everything but the model, the prompt and the
 * store. The result borrows from `profile`, which this fills. An exit status, the message printed.
 */
int erg_run_options_make(const struct erg_cli *cli, const struct erg_run_flags *flags,
                         struct erg_profile *profile, struct erg_run_options *out);

/* Print the regions of --grid, as a table or as JSON. */
int erg_run_list_regions(const struct erg_cli *cli);

#endif
