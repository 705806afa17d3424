/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_DOCTOR_POWER_H
#define ERG_CLI_DOCTOR_POWER_H

#include "base/jsonw.h"
#include "cli/term.h"
#include "power/characterise.h"

/* What `ergon doctor` finds out and says about one ready power source, and about none. */

/* A finding: its state, what of, what was found, and in a second line what to do about it. */
void erg_doctor_put_line(const struct erg_term *term, const char *state, const char *name,
                         const char *what, const char *remedy, struct erg_buf *out);

/* Read source `i` for about a second, without and under a load of all processors. */
int erg_doctor_measure(size_t i, const struct erg_root *root, struct erg_character *out,
                       struct erg_err *err);

/* The object behind the key "measured"; a null when `character` is NULL. */
void erg_doctor_put_json(const struct erg_character *character, struct erg_jsonw *w);

/* A line for the source, one for each channel. */
void erg_doctor_put_text(const struct erg_character *character, const struct erg_term *term,
                         struct erg_buf *out);

/* Nothing but a model gives energies: what that means, and how to get real joules. */
extern const char erg_doctor_no_sensor[];
extern const char erg_doctor_no_energy[]; /* not even a model */
extern const char erg_doctor_real_joules[];

#endif
