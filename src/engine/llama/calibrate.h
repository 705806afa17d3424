/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_CALIBRATE_H
#define ERG_ENGINE_CALIBRATE_H

#include "engine/llama/command.h"
#include "engine/llama/log.h"
#include "engine/llama/model.h"
#include "ergon/probe.h"

/*
 * Calibration: evaluate a prompt and one token, answer with the operations they are made of, then
 * repeat single ones of them in isolation as the recorder asks, all layers in turn, so that a
 * weight is met again only when all its sisters have been read. Answers are info lines:
 *
 *   {"operations":[{"phase","component","operation","nodes","flops","bytes"}, …],"threads",
 *    "prompt_tokens"}    costs of one repetition: each node of the operation once
 *   {"block":{"operation":I,"t0_ns","t1_ns","repetitions"}}    to {"cmd":"block","operation":I,
 *                                                              "duration_ms":MS}
 *     and, with "check":true in it, "differing": results that are not those of the model's graph
 *   {"skipped":{"operation":I,"reason"}}    instead, when it cannot be repeated
 *
 * until {"cmd":"end"}, `cancel`, or the recorder is gone. CANCELLED, or what makes a run fail.
 */
int erg_calibrate(ergon_probe *probe, struct erg_channel *channel, const struct erg_model *model,
                  struct erg_log *log, const struct erg_calibrate_command *command,
                  struct erg_err *err);

#endif
