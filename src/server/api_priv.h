/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_API_PRIV_H
#define ERG_SERVER_API_PRIV_H

#include "server/call.h"
#include "server/counts.h"
#include "server/sources.h"
#include "server/sums_cache.h"

#include <pthread.h>
#include <sys/types.h>

/* Inside of the API. */

enum { ERG_API_IDLE_STORES = 8 };

struct erg_file_identity {
    dev_t device;
    ino_t inode;
};

struct erg_api {
    struct erg_api_options options;

    pthread_mutex_t lock; /* guards what follows */
    struct erg_store *idle[ERG_API_IDLE_STORES];
    size_t idle_count;
    struct erg_file_identity file;
    unsigned generation; /* of the file: stores of an older one are not kept */

    pthread_mutex_t write_lock;
    struct erg_store *writer;
    struct erg_file_identity writer_file;

    struct erg_sums_cache sums; /* have locks of their own */
    struct erg_sources sources;
    struct erg_counts counts;
};

/* A store to read from; each taken one is given back. */
int erg_api_take_store(struct erg_api *api, struct erg_store **out, unsigned *out_generation,
                       struct erg_err *err);
void erg_api_give_store(struct erg_api *api, struct erg_store *store, unsigned generation);

/* The one that is opened to write, locked when this returns 0. */
int erg_api_lock_writer(struct erg_api *api, struct erg_store **out, struct erg_err *err);
void erg_api_unlock_writer(struct erg_api *api);

/* What a call holds. */
void erg_call_deinit(struct erg_call *call);

#endif
