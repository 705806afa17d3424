/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/ergon-system-XXXXXX";

int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

int remove_folder(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.')
            unlink(in_folder(entry->d_name));
    }
    if (dir)
        closedir(dir);
    return rmdir(folder);
}

const char *in_folder(const char *name)
{
    static char paths[32][512];
    static unsigned next;
    char *path = paths[next++ % 32];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

pid_t start_ergon(const char *const *args, int out_fd, int err_fd)
{
    const char *argv[64] = {ERGON, "--db", in_folder("test.db"), "--models-dir", "../models"};
    size_t count = 5;
    for (size_t i = 0; args[i]; i++) {
        assert_true(count < ERG_COUNT(argv) - 1);
        argv[count++] = args[i];
    }
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null_fd = open("/dev/null", O_RDWR);
        dup2(null_fd, 0);
        dup2(out_fd >= 0 ? out_fd : null_fd, 1);
        dup2(err_fd >= 0 ? err_fd : null_fd, 2);
        execv(ERGON, (char *const *)argv);
        _exit(127);
    }
    return pid;
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t capacity = 1 << 22;
    char *text = malloc(capacity);
    size_t len = fread(text, 1, capacity - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

struct output ergon_args(const char *const *args)
{
    struct output output = {0};
    int status;
    const char *out_path = in_folder("stdout"), *err_path = in_folder("stderr");
    int out = open(out_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = open(err_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    pid_t pid = start_ergon(args, out, err);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    output.out = slurp(out_path);
    output.err = slurp(err_path);
    close(out);
    close(err);
    return output;
}

void free_output(struct output *output)
{
    free(output->out);
    free(output->err);
    *output = (struct output){0};
}

json_t *ergon_json_args(const char *const *args)
{
    struct output output = ergon_args(args);
    if (output.status)
        print_error("exit status %d: %s\n", output.status, output.err);
    assert_int_equal(output.status, 0);
    json_error_t error;
    json_t *json = json_loads(output.out, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        print_error("%s: %s\n", error.text, output.out);
    assert_non_null(json);
    free_output(&output);
    return json;
}

double number_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        print_error("'%s' is not a number\n", key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

sqlite3 *open_store(const char *name)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open_v2(in_folder(name), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    sqlite3_enable_load_extension(db, 1);
    int rc = sqlite3_load_extension(db, ERGON_SQLITE_EXTENSION, NULL, &message);
    if (rc)
        print_error("%s\n", message);
    assert_int_equal(rc, SQLITE_OK);
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc)
        print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    assert_int_equal(rc, SQLITE_OK);
    return stmt;
}

int64_t query_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = prepare(db, sql);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    return value;
}

char *query_text(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    sqlite3_stmt *stmt = prepare(db, sql);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *field = (const char *)sqlite3_column_text(stmt, i);
            fprintf(out, "%s|", field ? field : "NULL");
        }
        fputc('\n', out);
    }
    if (rc != SQLITE_DONE)
        print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    assert_int_equal(rc, SQLITE_DONE);
    sqlite3_finalize(stmt);
    fclose(out);
    return text;
}

void assert_one_line_error(const struct output *output, int status, const char *must_say)
{
    const char *newline = strchr(output->err, '\n');
    if (output->status != status || output->out[0] || !newline || newline[1] ||
        !strstr(output->err, must_say))
        print_error("status %d (wanted %d), stderr: %s, stdout: %s\n", output->status, status,
                    output->err, output->out);
    assert_int_equal(output->status, status);
    assert_string_equal(output->out, "");
    assert_non_null(newline);
    assert_string_equal(newline + 1, "");
    assert_non_null(strstr(output->err, must_say));
}
