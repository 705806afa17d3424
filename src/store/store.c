/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/detail.h"
#include "store/process.h"
#include "store/schema.h"
#include "store/store_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int erg_store_default_path(char *out, size_t out_bytes, struct erg_err *err)
{
    const char *db = getenv("ERGON_DB"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char path[ERG_MAX_PATH_BYTES];
    int len;
    if (db && *db)
        len = snprintf(path, sizeof(path), "%s", db);
    else if (data && *data == '/') /* a relative one is to be ignored, says its specification */
        len = snprintf(path, sizeof(path), "%s/ergon/ergon.db", data);
    else if (home && *home)
        len = snprintf(path, sizeof(path), "%s/.local/share/ergon/ergon.db", home);
    else
        return erg_fail(err, ERG_NOT_FOUND, "no place for the store (set ERGON_DB or use --db)");
    if (len < 0 || (size_t)len >= sizeof(path) || (size_t)len >= out_bytes)
        return erg_fail(err, ERG_LIMIT, "the path of the store is too long");
    memcpy(out, path, (size_t)len + 1);
    return 0;
}

char *erg_store_recorder_id(void)
{
    char identity[160];
    erg_process_identity(identity, sizeof(identity));
    return erg_strdup(identity);
}

/* Length of the folder part of `path`; 0 when it has none. */
static size_t folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

static int make_folders(const char *path, struct erg_err *err)
{
    ERG_AUTO_FREE char *folder = erg_strndup(path, folder_len(path));
    if (!folder)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    for (char *at = folder; *at; at++) {
        char *end = at + 1 + strcspn(at + 1, "/");
        char held = *end;
        *end = '\0';
        if (mkdir(folder, 0777) && errno != EEXIST && access(folder, F_OK))
            return erg_fail_errno(err, errno, "cannot create the folder '%s'", folder);
        *end = held;
        at = end - 1;
    }
    return 0;
}

bool erg_store_immutable(bool dir_writable, bool wal_usable)
{
    return !dir_writable && !wal_usable;
}

/* "file:PATH?mode=ro" with the characters escaped that mean something in a URI; free() it. */
static char *read_only_uri(const char *path, bool immutable)
{
    struct erg_buf uri;
    erg_buf_init(&uri);
    erg_buf_puts(&uri, "file:");
    for (const char *at = path; *at; at++) {
        if (strchr("?#%", *at))
            erg_buf_printf(&uri, "%%%02X", (unsigned)*at);
        else
            erg_buf_putc(&uri, *at);
    }
    erg_buf_puts(&uri, immutable ? "?mode=ro&immutable=1" : "?mode=ro");
    return erg_buf_take(&uri);
}

static int open_db(struct erg_store *store, const char *name, int flags, struct erg_err *err)
{
    sqlite3_close_v2(store->db);
    store->db = NULL;
    int rc = sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return erg_sql_fail(err, store->db, rc, "cannot open it");
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, ERG_STORE_BUSY_MS);
    rc = erg_detail_register(store->db);
    if (rc != SQLITE_OK)
        return erg_sql_fail(err, store->db, rc, "cannot register the detail tables");
    return erg_sql_exec(store->db, "PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON", err);
}

static int open_uri(struct erg_store *store, const char *path, bool immutable, struct erg_err *err)
{
    ERG_AUTO_FREE char *uri = read_only_uri(path, immutable);
    if (!uri)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    return open_db(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
}

static bool has_wal(const char *path)
{
    char wal[ERG_MAX_PATH_BYTES + 8];
    struct stat st;
    snprintf(wal, sizeof(wal), "%s-wal", path);
    return stat(wal, &st) == 0 && st.st_size > 0;
}

static bool folder_writable(const char *path)
{
    ERG_AUTO_FREE char *folder = erg_strndup(path, folder_len(path));
    if (!folder)
        return true;
    const char *name = *folder ? folder : *path == '/' ? "/" : ".";
    return access(name, W_OK) == 0;
}

static int open_to_read(struct erg_store *store, const char *path, struct erg_err *err)
{
    if (access(path, R_OK))
        return erg_fail_errno(err, errno, "cannot read it");
    bool writable = folder_writable(path);
    bool wal = has_wal(path);
    int status = open_uri(store, path, erg_store_immutable(writable, wal), err);
    if (status == 0 && !writable && wal) {
        /* The WAL of a run that was killed, on read-only media: without it, rather than not. */
        int rc = sqlite3_exec(store->db, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL) & 0xff;
        if (rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY)
            status = open_uri(store, path, erg_store_immutable(writable, false), err);
    }
    return status ? status : erg_schema_check(store->db, err);
}

/* The switch to WAL does not wait for other connections by itself. */
static int switch_to_wal(sqlite3 *db, struct erg_err *err)
{
    int rc = SQLITE_BUSY;
    for (int waited = 0; rc == SQLITE_BUSY && waited < ERG_STORE_BUSY_MS; waited += 10) {
        rc = sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if ((rc & 0xff) == SQLITE_BUSY) {
            rc = SQLITE_BUSY;
            sqlite3_sleep(10);
        }
    }
    return rc == SQLITE_OK ? 0 : erg_sql_fail(err, db, rc, "cannot switch to WAL");
}

/* Mark the runs whose recorder is gone. */
static int recover(sqlite3 *db, int *out_recovered, struct erg_err *err)
{
    *out_recovered = 0;
    if (erg_sql_int(db, "SELECT count(*) FROM profiling_runs WHERE status = 'running'", 0) == 0)
        return 0;
    int status = erg_sql_exec(db, "BEGIN IMMEDIATE", err);
    if (status)
        return status;
    ERG_AUTO_STMT sqlite3_stmt *runs = NULL;
    ERG_AUTO_STMT sqlite3_stmt *mark = NULL;
    status = erg_sql_prepare(
        db, &runs, "SELECT id, recorder FROM profiling_runs WHERE status = 'running'", err);
    if (status == 0)
        status = erg_sql_prepare(db, &mark,
                                 "UPDATE profiling_runs SET status = 'interrupted', "
                                 "failure = '" ERG_STORE_DEAD_RECORDER "' WHERE id = ?",
                                 err);
    while (status == 0 && sqlite3_step(runs) == SQLITE_ROW) {
        const char *recorder = (const char *)sqlite3_column_text(runs, 1);
        if (recorder && erg_process_lives(recorder))
            continue;
        struct erg_binder bind = erg_bind(mark);
        erg_bind_text(&bind, (const char *)sqlite3_column_text(runs, 0));
        status = erg_sql_run(mark, "cannot mark a dead run", err);
        *out_recovered += status == 0;
    }
    sqlite3_reset(runs);
    if (status == 0)
        status = erg_sql_exec(db, "COMMIT", err);
    if (status)
        erg_sql_exec(db, "ROLLBACK", NULL);
    return status;
}

static int open_to_write(struct erg_store *store, const char *path, int *out_recovered,
                         struct erg_err *err)
{
    int status = make_folders(path, err);
    if (status == 0)
        status = open_db(store, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (status)
        return status;
    sqlite3 *db = store->db;
    if (sqlite3_db_readonly(db, "main") == 1)
        return erg_fail(err, ERG_DENIED, "it cannot be written to");
    char setup[160];
    snprintf(setup, sizeof(setup), "PRAGMA page_size=%d; PRAGMA auto_vacuum=INCREMENTAL",
             ERG_STORE_PAGE_BYTES);
    if (erg_sql_int(db, "PRAGMA page_count", -1) == 0) /* both count before the first page only */
        status = erg_sql_exec(db, setup, err);
    if (status == 0)
        status = erg_schema_migrate(db, erg_migrations, erg_migration_count, err);
    if (status == 0) /* not earlier: until then it may be somebody else's */
        status = switch_to_wal(db, err);
    if (status == 0)
        status = erg_sql_exec(db,
                              "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=128; "
                              "PRAGMA journal_size_limit=8388608",
                              err);
    if (status == 0)
        status = recover(db, out_recovered, err);
    return status;
}

int erg_store_open(struct erg_store **out, const char *path, enum erg_store_mode mode,
                   int *out_recovered, struct erg_err *err)
{
    struct erg_store *store = erg_calloc(1, sizeof(*store));
    if (!store)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    int recovered = 0;
    int status = mode == ERG_STORE_READ ? open_to_read(store, path, err)
                                        : open_to_write(store, path, &recovered, err);
    if (status) {
        erg_store_close(store);
        erg_err_prefix(err, "cannot open the store '%s'", path);
        return status;
    }
    if (out_recovered)
        *out_recovered = recovered;
    *out = store;
    return 0;
}

int erg_store_probe(struct erg_store *store, struct erg_err *err)
{
    int rc = sqlite3_exec(store->db, "BEGIN IMMEDIATE; ROLLBACK", NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : erg_sql_fail(err, store->db, rc, "the store cannot be written");
}

void erg_store_close(struct erg_store *store)
{
    if (!store)
        return;
    erg_names_deinit(&store->names);
    sqlite3_close_v2(store->db);
    free(store);
}

const char *erg_store_name(struct erg_store *store, uint16_t id)
{
    return erg_names_find(&store->names, store->db, id);
}

static int64_t size_of(const char *path, const char *suffix)
{
    char full[ERG_MAX_PATH_BYTES + 8];
    struct stat st;
    snprintf(full, sizeof(full), "%s%s", path, suffix);
    return stat(full, &st) == 0 ? (int64_t)st.st_size : 0;
}

int erg_store_health(struct erg_store *store, struct erg_store_health *out, struct erg_err *err)
{
    struct erg_store_health health = {.integrity_ok = false};
    const char *path = sqlite3_db_filename(store->db, "main");
    struct statvfs fs;
    health.schema_version = (int)erg_sql_int(store->db, "PRAGMA user_version", -1);
    health.runs = erg_sql_int(store->db, "SELECT count(*) FROM profiling_runs", -1);
    health.file_bytes = size_of(path, "") + size_of(path, "-wal");
    health.free_bytes = statvfs(path, &fs) == 0 ? (int64_t)(fs.f_bavail * fs.f_frsize) : -1;
    ERG_AUTO_STMT sqlite3_stmt *check = NULL;
    int status = erg_sql_prepare(store->db, &check, "PRAGMA integrity_check(1)", err);
    if (status)
        return status;
    int rc = sqlite3_step(check);
    const char *finding =
        rc == SQLITE_ROW ? (const char *)sqlite3_column_text(check, 0) : sqlite3_errmsg(store->db);
    snprintf(health.integrity, sizeof(health.integrity), "%s", finding ? finding : "");
    health.integrity_ok = strcmp(health.integrity, "ok") == 0;
    *out = health;
    return 0;
}
