/* SPDX-License-Identifier: MIT */
#include "server/keeper.h"

#include "base/mem.h"
#include "base/system.h"
#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR_NS INT64_C(3600000000000)

struct erg_keeper {
    char *store_path;
    int64_t keep_ns;
    const struct erg_clock *clock;
    erg_keeper_note note;
    void *user;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t ends;
    bool has_ended;
};

static int remove_old(const struct erg_keeper *keeper, int *out_count, struct erg_err *err)
{
    char cutoff[40];
    struct erg_store *store = NULL;
    const struct erg_clock *clock = keeper->clock;
    erg_format_local_time(clock->wall_ns(clock->user) - keeper->keep_ns, cutoff);
    int rc = erg_store_open(&store, keeper->store_path, ERG_STORE_WRITE, NULL, err);
    if (rc == 0)
        rc = erg_store_delete_before(store, cutoff, out_count, err);
    erg_store_close(store);
    return rc;
}

static void look(const struct erg_keeper *keeper)
{
    struct erg_err err = {0};
    char line[400];
    int count = 0;
    if (remove_old(keeper, &count, &err))
        snprintf(line, sizeof line, "cannot remove old runs: %s", err.text);
    else if (count)
        snprintf(line, sizeof line, "%d old run%s removed", count, count == 1 ? "" : "s");
    else
        return;
    keeper->note(keeper->user, line);
}

/* True when it is time to look again, false when it is over. */
static bool wait_an_hour(struct erg_keeper *keeper)
{
    int64_t next_ns = erg_system_now_ns() + HOUR_NS;
    int rc = 0;
    pthread_mutex_lock(&keeper->mutex);
    while (!keeper->has_ended && rc == 0)
        rc = erg_system_cond_wait_until(&keeper->ends, &keeper->mutex, next_ns);
    bool goes_on = !keeper->has_ended;
    pthread_mutex_unlock(&keeper->mutex);
    return goes_on;
}

static void *run(void *user)
{
    struct erg_keeper *keeper = user;
    do
        look(keeper);
    while (wait_an_hour(keeper));
    return NULL;
}

static void destroy(struct erg_keeper *keeper)
{
    pthread_cond_destroy(&keeper->ends);
    pthread_mutex_destroy(&keeper->mutex);
    free(keeper->store_path);
    free(keeper);
}

int erg_keeper_open(struct erg_keeper **out, const char *store_path, int64_t keep_ns,
                    const struct erg_clock *clock, erg_keeper_note note, void *user,
                    struct erg_err *err)
{
    struct erg_keeper *keeper = erg_calloc(1, sizeof *keeper);
    if (!keeper)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    sigset_t all, before;
    pthread_mutex_init(&keeper->mutex, NULL);
    erg_system_cond_init(&keeper->ends);
    keeper->store_path = erg_strdup(store_path);
    keeper->keep_ns = keep_ns;
    keeper->clock = clock;
    keeper->note = note;
    keeper->user = user;
    sigfillset(&all); /* signals are for the thread that serves */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = keeper->store_path ? pthread_create(&keeper->thread, NULL, run, keeper) : 1;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        destroy(keeper);
        return erg_fail(err, ERG_NOMEM, "out of memory");
    }
    *out = keeper;
    return 0;
}

void erg_keeper_close(struct erg_keeper *keeper)
{
    if (!keeper)
        return;
    pthread_mutex_lock(&keeper->mutex);
    keeper->has_ended = true;
    pthread_cond_signal(&keeper->ends);
    pthread_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
    destroy(keeper);
}
