/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_RUN_H
#define ERG_ENGINE_RUN_H

#include "engine/llama/command.h"
#include "engine/llama/log.h"
#include "engine/llama/model.h"
#include "ergon/probe.h"

/*
 * Carry out one run and report it, from RUN_BEGIN to RUN_END. What fails is told there; the engine
 * goes on.
 */
void erg_run(ergon_probe *probe, struct erg_channel *channel, const struct erg_model *model,
             struct erg_log *log, const struct erg_run_command *command);

#endif
