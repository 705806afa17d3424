/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_SENSORS_H
#define ERG_SERVER_SENSORS_H

#include "base/limits.h"
#include "record/session.h"

#include <pthread.h>

/*
 * The power sources of the runs that are made here, for GET /metrics: written by the thread that
 * makes runs, read by any.
 */
enum { ERG_SENSORS_MOST = 16 };

struct erg_sensor_state {
    char source[32];
    int64_t age_ns; /* since it was last read; < 0: nothing is measured now */
    int64_t errors; /* reads that failed, in all runs so far */
};

struct erg_sensors {
    pthread_mutex_t lock; /* guards what follows */
    struct {
        char source[32];
        int64_t read_ns;        /* in the run that goes on; INT64_MIN = not */
        int64_t errors, before; /* in that run, and in those before it */
    } rows[ERG_SENSORS_MOST];
    size_t count;
    unsigned char row_of[ERG_MAX_CHANNELS]; /* by channel of the run that goes on */
    uint32_t channels;
};

void erg_sensors_init(struct erg_sensors *sensors);
void erg_sensors_deinit(struct erg_sensors *sensors);

/* A run reads these channels; how that goes; and it is over. */
void erg_sensors_begin(struct erg_sensors *sensors, const struct erg_channel *channels,
                       uint32_t count);
void erg_sensors_update(struct erg_sensors *sensors, const struct erg_channel_state *states,
                        uint32_t count);
void erg_sensors_end(struct erg_sensors *sensors);

/* The sources so far, `room` at most; how many. */
size_t erg_sensors_look(struct erg_sensors *sensors, int64_t now_ns, struct erg_sensor_state *out,
                        size_t room);

#endif
