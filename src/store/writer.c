/* SPDX-License-Identifier: MIT */
#include "store/writer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/system.h"
#include "store/packed.h"
#include "store/writer_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * The queue is a list under one mutex. The thread takes from it what lies before the newest row of
 * the run, about once a second, and writes it in one transaction: so the rows of a commit are those
 * the run's summary counts, and the store is locked for the time of writing only.
 */
struct known_layout {
    struct erg_span *spans;
    uint32_t count;
};

struct erg_writer {
    /* the caller's */
    erg_writer_names names;
    void *names_user;
    char *run_id;
    unsigned char named[(UINT16_MAX + 1) / 8];
    struct known_layout layouts[ERG_WRITER_LAYOUTS];
    uint32_t layout_last, layout_next;
    int64_t stored_bytes;

    /* the thread's until it has ended */
    struct erg_store *store;
    struct erg_inserter inserter;
    int64_t commit_interval_ns;

    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake, done;
    struct erg_message *first, *last, *last_run;
    size_t queued_bytes;
    bool flushing, finishing, writing, failed;
    struct erg_err error;
};

static void free_messages(struct erg_message *message)
{
    while (message) {
        struct erg_message *next = message->next;
        free(message);
        message = next;
    }
}

/* --- the thread --------------------------------------------------------------------------------*/

static void wait_for(struct erg_writer *writer, int64_t span_ns)
{
    erg_system_cond_wait_until(&writer->wake, &writer->mutex, erg_system_now_ns() + span_ns);
}

/* Wait until there is something to write or the end has come. */
static void wait_for_work(struct erg_writer *writer, int64_t last_commit_ns)
{
    const struct erg_clock *clock = erg_clock_system();
    while (!writer->finishing && !writer->flushing &&
           writer->queued_bytes < ERG_WRITER_BATCH_BYTES) {
        int64_t waited_ns = erg_clock_now_ns(clock) - last_commit_ns;
        if (!writer->last_run || writer->failed)
            pthread_cond_wait(&writer->wake, &writer->mutex);
        else if (waited_ns < writer->commit_interval_ns)
            wait_for(writer, writer->commit_interval_ns - waited_ns);
        else
            return;
    }
}

/* Unlink what is to be written now. */
static struct erg_message *take_batch(struct erg_writer *writer)
{
    struct erg_message *batch = writer->first;
    struct erg_message *end = writer->last_run;
    if (writer->finishing || writer->flushing || !end)
        end = writer->last;
    if (!batch)
        return NULL;
    writer->first = end->next;
    if (!writer->first)
        writer->last = NULL;
    end->next = NULL;
    writer->last_run = NULL;
    for (struct erg_message *message = batch; message; message = message->next)
        writer->queued_bytes -= message->bytes;
    return batch;
}

static void write_batch(struct erg_writer *writer, struct erg_message *batch)
{
    struct erg_err err = {0};
    bool failed = writer->failed;
    writer->writing = true;
    pthread_mutex_unlock(&writer->mutex);
    int status = batch && !failed ? erg_inserter_batch(&writer->inserter, batch, &err) : 0;
    free_messages(batch);
    pthread_mutex_lock(&writer->mutex);
    writer->writing = false;
    if (status && !writer->failed) {
        writer->failed = true;
        writer->error = err;
    }
}

static void *thread_main(void *user)
{
    struct erg_writer *writer = user;
    pthread_mutex_lock(&writer->mutex);
    while (!writer->finishing || writer->first) {
        int64_t last_commit_ns = erg_clock_now_ns(erg_clock_system());
        wait_for_work(writer, last_commit_ns);
        write_batch(writer, take_batch(writer));
        writer->flushing = writer->flushing && writer->first;
        pthread_cond_broadcast(&writer->done);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

/* --- the queue ---------------------------------------------------------------------------------*/

static void set_failed(struct erg_writer *writer, int code, const char *text)
{
    pthread_mutex_lock(&writer->mutex);
    if (!writer->failed) {
        writer->failed = true;
        erg_fail(&writer->error, code, "%s", text);
    }
    pthread_mutex_unlock(&writer->mutex);
}

static bool has_failed(struct erg_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    bool failed = writer->failed;
    pthread_mutex_unlock(&writer->mutex);
    return failed;
}

/* A message with `extra` bytes behind it, *out_tail; NULL when the writer has failed. */
static struct erg_message *new_message(struct erg_writer *writer, enum erg_message_kind kind,
                                       size_t extra, char **out_tail)
{
    if (has_failed(writer))
        return NULL;
    struct erg_message *message = erg_realloc(NULL, sizeof(*message) + extra);
    if (!message) {
        set_failed(writer, ERG_NOMEM, "out of memory");
        return NULL;
    }
    memset(message, 0, sizeof(*message));
    message->kind = kind;
    message->bytes = sizeof(*message) + extra;
    *out_tail = (char *)(message + 1);
    return message;
}

static void enqueue(struct erg_writer *writer, struct erg_message *message)
{
    writer->stored_bytes += erg_message_stored_bytes(message, strlen(writer->run_id));
    pthread_mutex_lock(&writer->mutex);
    if (writer->last)
        writer->last->next = message;
    else
        writer->first = message;
    writer->last = message;
    writer->queued_bytes += message->bytes;
    bool full = writer->queued_bytes > ERG_WRITER_MAX_QUEUE_BYTES;
    if (message->kind == ERG_MESSAGE_RUN)
        writer->last_run = message;
    if (message->kind == ERG_MESSAGE_RUN || writer->queued_bytes >= ERG_WRITER_BATCH_BYTES)
        pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
    if (full)
        set_failed(writer, ERG_OVERRUN, "the store is too slow for this run");
}

/* Copy a text behind a message and make the row point there. */
static const char *keep_text(char **tail, const char *text, size_t len)
{
    char *copy = *tail;
    if (!text)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *tail += len + 1;
    return copy;
}

void erg_writer_section(struct erg_writer *writer, const struct erg_section_row *row)
{
    size_t len = strlen(row->name);
    char *tail;
    struct erg_message *message = new_message(writer, ERG_MESSAGE_SECTION, len + 1, &tail);
    if (!message)
        return;
    message->row.section = *row;
    message->row.section.name = keep_text(&tail, row->name, len);
    enqueue(writer, message);
}

void erg_writer_token(struct erg_writer *writer, const struct erg_token_row *row)
{
    char *tail;
    struct erg_message *message = new_message(writer, ERG_MESSAGE_TOKEN, row->text_len + 1, &tail);
    if (!message)
        return;
    message->row.token = *row;
    message->row.token.text = keep_text(&tail, row->text ? row->text : "", row->text_len);
    enqueue(writer, message);
}

void erg_writer_sample(struct erg_writer *writer, const struct erg_sample_row *row)
{
    char *tail;
    struct erg_message *message = new_message(writer, ERG_MESSAGE_SAMPLE, 0, &tail);
    if (!message)
        return;
    message->row.sample = *row;
    enqueue(writer, message);
}

void erg_writer_host(struct erg_writer *writer, const struct erg_host_row *row)
{
    char *tail;
    struct erg_message *message = new_message(writer, ERG_MESSAGE_HOST, 0, &tail);
    if (!message)
        return;
    message->row.host = *row;
    enqueue(writer, message);
}

void erg_writer_run(struct erg_writer *writer, const struct erg_run_row *row)
{
    struct erg_run_row copy = *row;
    const char **texts[] = {
        &copy.status, &copy.failure,  &copy.model_name, &copy.model_path,   &copy.mode,
        &copy.prompt, &copy.response, &copy.recorder,   &copy.summary_json,
    };
    size_t count = sizeof(texts) / sizeof(texts[0]), extra = 0;
    for (size_t i = 0; i < count; i++)
        extra += *texts[i] ? strlen(*texts[i]) + 1 : 0;
    char *tail;
    struct erg_message *message = new_message(writer, ERG_MESSAGE_RUN, extra, &tail);
    if (!message)
        return;
    for (size_t i = 0; i < count; i++)
        *texts[i] = keep_text(&tail, *texts[i], *texts[i] ? strlen(*texts[i]) : 0);
    message->row.run = copy;
    enqueue(writer, message);
}

/* --- passes ------------------------------------------------------------------------------------*/

static void announce_name(struct erg_writer *writer, uint16_t id)
{
    if (writer->named[id / 8] & 1u << id % 8)
        return;
    const char *text = id ? writer->names(writer->names_user, id) : "unattributed";
    if (!text)
        text = "unnamed";
    char *tail;
    struct erg_message *message = new_message(writer, ERG_MESSAGE_NAME, strlen(text) + 1, &tail);
    if (!message)
        return;
    message->slot = id;
    message->text = keep_text(&tail, text, strlen(text));
    enqueue(writer, message);
    writer->named[id / 8] |= (unsigned char)(1u << id % 8);
}

static bool same_layout(const struct known_layout *layout, const struct erg_pass_row *row)
{
    if (!layout->spans || layout->count != row->n_spans)
        return false;
    for (uint32_t i = 0; i < layout->count; i++) {
        const struct erg_span *a = &layout->spans[i], *b = &row->spans[i];
        if (a->layer != b->layer || a->component != b->component || a->operation != b->operation)
            return false;
    }
    return true;
}

/* Keep the layout of `row` in the next slot and send it; false when that failed. */
static bool add_layout(struct erg_writer *writer, const struct erg_pass_row *row)
{
    for (uint32_t i = 0; i < row->n_spans; i++) {
        announce_name(writer, row->spans[i].component);
        if (row->spans[i].operation)
            announce_name(writer, row->spans[i].operation);
    }
    size_t bytes = row->n_spans * sizeof(struct erg_span);
    struct erg_span *spans = erg_realloc(NULL, bytes);
    char *tail;
    struct erg_message *message =
        spans ? new_message(writer, ERG_MESSAGE_LAYOUT, bytes, &tail) : NULL;
    if (!message) {
        free(spans);
        set_failed(writer, ERG_NOMEM, "out of memory");
        return false;
    }
    if (bytes) { /* a pass may have no spans at all */
        memcpy(spans, row->spans, bytes);
        memcpy(tail, row->spans, bytes);
    }
    message->slot = writer->layout_next;
    message->blob = tail;
    message->blob_len = bytes;
    struct known_layout *layout = &writer->layouts[writer->layout_next];
    free(layout->spans);
    *layout = (struct known_layout){.spans = spans, .count = row->n_spans};
    writer->layout_last = writer->layout_next;
    writer->layout_next = (writer->layout_next + 1) % ERG_WRITER_LAYOUTS;
    enqueue(writer, message);
    return true;
}

static bool find_layout(struct erg_writer *writer, const struct erg_pass_row *row)
{
    for (uint32_t i = 0; i < ERG_WRITER_LAYOUTS; i++) {
        uint32_t slot = (writer->layout_last + i) % ERG_WRITER_LAYOUTS;
        if (same_layout(&writer->layouts[slot], row)) {
            writer->layout_last = slot;
            return true;
        }
    }
    return add_layout(writer, row);
}

static void send_pass(struct erg_writer *writer, const struct erg_pass_row *row,
                      const struct erg_buf *packed)
{
    char *tail;
    struct erg_message *message = new_message(writer, ERG_MESSAGE_PASS, packed->len, &tail);
    if (!message)
        return;
    struct erg_pass_row *copy = &message->row.pass;
    *copy = *row;
    copy->spans = NULL;
    copy->attention = NULL;
    copy->routing = NULL;
    memset(copy->values, 0, sizeof(copy->values));
    memcpy(tail, packed->data, packed->len);
    message->slot = writer->layout_last;
    message->blob = tail;
    message->blob_len = packed->len;
    enqueue(writer, message);
}

void erg_writer_pass(struct erg_writer *writer, const struct erg_pass_row *row)
{
    if (has_failed(writer))
        return;
    struct erg_buf packed;
    erg_buf_init(&packed);
    int status = erg_pass_pack(row, &packed);
    if (status)
        set_failed(writer, status, "cannot pack a pass");
    else if (find_layout(writer, row))
        send_pass(writer, row, &packed);
    erg_buf_deinit(&packed);
}

void erg_writer_sums(struct erg_writer *writer, const struct erg_run_sums *sums)
{
    size_t bytes = sums->count * sizeof *sums->rows;
    char *tail;
    if (has_failed(writer))
        return;
    for (size_t i = 0; i < sums->count; i++) {
        if (sums->rows[i].component != ERG_ROLLUP_UNPROFILED)
            announce_name(writer, sums->rows[i].component);
        if (sums->rows[i].operation)
            announce_name(writer, sums->rows[i].operation);
    }
    struct erg_message *message = new_message(writer, ERG_MESSAGE_SUMS, bytes, &tail);
    if (!message)
        return;
    if (bytes)
        memcpy(tail, sums->rows, bytes);
    memcpy(message->row.passes, sums->passes, sizeof message->row.passes);
    message->blob = tail;
    message->blob_len = bytes;
    enqueue(writer, message);
}

/* --- life --------------------------------------------------------------------------------------*/

static void free_writer(struct erg_writer *writer)
{
    if (!writer)
        return;
    free_messages(writer->first);
    for (int i = 0; i < ERG_WRITER_LAYOUTS; i++)
        free(writer->layouts[i].spans);
    erg_inserter_deinit(&writer->inserter);
    erg_store_close(writer->store);
    pthread_cond_destroy(&writer->wake);
    pthread_cond_destroy(&writer->done);
    pthread_mutex_destroy(&writer->mutex);
    free(writer->run_id);
    free(writer);
}

static int open_store(struct erg_writer *writer, const char *path, const struct erg_run_row *run,
                      const struct erg_writer_options *options, struct erg_err *err)
{
    int status = erg_store_open(&writer->store, path, ERG_STORE_WRITE, NULL, err);
    if (status)
        return status;
    sqlite3_busy_timeout(writer->store->db, options->busy_ms);
    if (options->max_pages > 0) {
        char sql[64];
        snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%d", options->max_pages);
        status = erg_sql_exec(writer->store->db, sql, err);
    }
    if (status == 0)
        status = erg_inserter_init(&writer->inserter, writer->store, writer->run_id, err);
    if (status == 0)
        status = erg_inserter_begin_run(&writer->inserter, run, err);
    return status;
}

int erg_writer_open_with(struct erg_writer **out, const char *path, const struct erg_run_row *run,
                         erg_writer_names names, void *user,
                         const struct erg_writer_options *options, struct erg_err *err)
{
    struct erg_writer *writer = erg_calloc(1, sizeof(*writer));
    if (!writer)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    pthread_mutex_init(&writer->mutex, NULL);
    /* A wall clock that is set back must not put off a commit. */
    erg_system_cond_init(&writer->wake);
    pthread_cond_init(&writer->done, NULL);
    writer->names = names;
    writer->names_user = user;
    writer->commit_interval_ns = options->commit_interval_ns;
    writer->run_id = erg_strdup(run->id);
    int status = writer->run_id ? open_store(writer, path, run, options, err)
                                : erg_fail(err, ERG_NOMEM, "out of memory");
    if (status == 0) {
        int rc = pthread_create(&writer->thread, NULL, thread_main, writer);
        if (rc) {
            status = erg_fail_errno(err, rc, "cannot start the store's thread");
            erg_store_delete(writer->store, writer->run_id, NULL);
        }
    }
    if (status) {
        free_writer(writer);
        return status;
    }
    *out = writer;
    return 0;
}

int erg_writer_open(struct erg_writer **out, const char *path, const struct erg_run_row *run,
                    erg_writer_names names, void *user, struct erg_err *err)
{
    static const struct erg_writer_options options = {
        .commit_interval_ns = 1000000000,
        .busy_ms = ERG_STORE_BUSY_MS,
    };
    return erg_writer_open_with(out, path, run, names, user, &options, err);
}

int erg_writer_flush(struct erg_writer *writer, struct erg_err *err)
{
    pthread_mutex_lock(&writer->mutex);
    writer->flushing = true;
    pthread_cond_signal(&writer->wake);
    while (writer->flushing || writer->writing)
        pthread_cond_wait(&writer->done, &writer->mutex);
    int status = writer->failed ? writer->error.code : 0;
    if (status && err)
        *err = writer->error;
    pthread_mutex_unlock(&writer->mutex);
    return status;
}

void erg_writer_throttle(struct erg_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    while (writer->queued_bytes >= ERG_WRITER_BATCH_BYTES && !writer->failed)
        pthread_cond_wait(&writer->done, &writer->mutex);
    pthread_mutex_unlock(&writer->mutex);
}

static void end_thread(struct erg_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    writer->finishing = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
}

/* What can be said in the store about a run whose rows could not all be written. */
static void mark_failed(struct erg_writer *writer)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    if (erg_sql_prepare(writer->store->db, &stmt,
                        "UPDATE profiling_runs SET status = 'interrupted', failure = ? "
                        "WHERE id = ? AND status = 'running'",
                        NULL))
        return;
    char text[320];
    snprintf(text, sizeof(text), "not all of it was stored: %s", writer->error.text);
    sqlite3_busy_timeout(writer->store->db, 0);
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, text);
    erg_bind_text(&bind, writer->run_id);
    erg_sql_run(stmt, "cannot mark the run", NULL);
}

int erg_writer_finish(struct erg_writer *writer, struct erg_err *err)
{
    end_thread(writer);
    int status = writer->failed ? writer->error.code : 0;
    if (status) {
        if (err)
            *err = writer->error;
        mark_failed(writer);
    }
    free_writer(writer);
    return status;
}

void erg_writer_abandon(struct erg_writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->mutex);
    writer->failed = true; /* so that the thread writes nothing more */
    pthread_mutex_unlock(&writer->mutex);
    end_thread(writer);
    erg_store_delete(writer->store, writer->run_id, NULL);
    free_writer(writer);
}

int64_t erg_writer_bytes(const struct erg_writer *writer)
{
    return writer->stored_bytes;
}
