/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_BENCH_H
#define ERG_ENGINE_BENCH_H

#include "engine/llama/command.h"
#include "engine/llama/log.h"
#include "engine/llama/model.h"
#include "ergon/probe.h"

/*
 * What profiling costs: two contexts of the same model, one profiled as a run is (`b`), one without
 * callbacks or reports, or in another mode (`a`), take turns over the same tokens, the first of one
 * pair being the second of the next; every 24 pairs both are made anew (docs/benchmarks.md).
 * Answers in info lines {"pairs":[[a_ns,b_ns,report_ns,round], …]}: the time from one token to the
 * next, and how much of b's lies behind the end of its pass. Sent when all is measured. CANCELLED,
 * or what makes a run fail.
 */
int erg_bench(ergon_probe *probe, struct erg_channel *channel, const struct erg_model *model,
              struct erg_log *log, const struct erg_bench_command *command, struct erg_err *err);

#endif
