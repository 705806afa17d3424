/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_ENGINE_FAKE_H
#define TESTS_FAKE_ENGINE_FAKE_H

#include "base/buf.h"
#include "base/err.h"
#include "ergon/probe.h"

#include <stdbool.h>
#include <stdint.h>

/* The engine: a probe, the state of the run, and what the recorder has asked for. */
struct fake_engine {
    ergon_probe *probe;
    int fd;
    bool has_recorder;    /* commands come in on `fd` */
    struct erg_buf inbox; /* bytes of commands that are not complete */
    bool run, cancel, quit;
    int exit_status;

    int64_t now_ns; /* simulated, unless realtime */
    bool realtime;
    enum ergon_phase phase;  /* of the last pass */
    uint32_t position;       /* of the next pass */
    uint32_t token_position; /* of the next token */
    uint32_t deep_layers;    /* of the last pass, whose spans are operations */
    uint32_t first_deep_span;
};

/* Take the commands that have arrived, waiting at most `timeout_ms` (-1: for ever) for one. */
void fake_take_commands(struct fake_engine *engine, int timeout_ms);

/* Run the statements of a script; what they are is in README.md. */
int fake_run_script(struct fake_engine *engine, const char *text, struct erg_err *err);

/* Words of a line: separated by blanks, or quoted with escapes. False at the end of the line. */
bool fake_next_word(const char **line, char *out, size_t out_bytes);

/* deep.c: the operations of so many layers, how many that are, and what belongs to them. */
void fake_put_deep_spans(struct fake_engine *engine, uint32_t layers, uint64_t each_ns);
uint32_t fake_deep_spans(uint32_t layers);
int fake_do_attention(struct fake_engine *engine, const char *arguments, struct erg_err *err);
int fake_do_routing(struct fake_engine *engine, const char *arguments, struct erg_err *err);

/* One statement with its arguments. */
int fake_do_statement(struct fake_engine *engine, const char *name, const char *arguments,
                      struct erg_err *err);

#endif
