/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_SYSTEM_PROGRAM_H
#define ERG_TESTS_SYSTEM_PROGRAM_H

#include "test.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

/* Running `ergon` as its user does: a folder of its own, its output, its exit status. */

#define TALES  "../models/tales-q8_0.gguf"
#define ERGON  ERGON_BIN_DIR "/ergon"
#define ENGINE ERGON_BIN_DIR "/ergon-llama"

struct output {
    int status; /* exit status, or 128 + signal */
    char *out, *err;
};

/* A fresh folder for the test program; removed with everything in it at exit of the group. */
int make_folder(void **state);
int remove_folder(void **state);
/* Path of a file in it; the result is one of 32 static buffers used in turn. */
const char *in_folder(const char *name);

/* Start `ergon` with the arguments (NULL-terminated) and --db FOLDER/test.db. */
pid_t start_ergon(const char *const *args, int out_fd, int err_fd);
struct output ergon_args(const char *const *args);
#define ergon(...) ergon_args((const char *const[]){__VA_ARGS__, NULL})
void free_output(struct output *output);

/* Exit status 0 and JSON on stdout. */
json_t *ergon_json_args(const char *const *args);
#define ergon_json(...) ergon_json_args((const char *const[]){__VA_ARGS__, "--json", NULL})

double number_at(const json_t *object, const char *key);

/* The store in the folder with the detail tables, read-only. */
sqlite3 *open_store(const char *name);
/* First column of the first row; the query must give exactly one row. */
int64_t query_int(sqlite3 *db, const char *sql);
/* All rows as text, fields separated by '|'; free() it. */
char *query_text(sqlite3 *db, const char *sql);

/* What a user may see of an error: nothing on stdout, one line on stderr, this status. */
void assert_one_line_error(const struct output *output, int status, const char *must_say);

#endif
