/* SPDX-License-Identifier: MIT */
#include "server/sensors.h"

#include <stdio.h>
#include <string.h>

void erg_sensors_init(struct erg_sensors *sensors)
{
    memset(sensors, 0, sizeof *sensors);
    pthread_mutex_init(&sensors->lock, NULL);
}

void erg_sensors_deinit(struct erg_sensors *sensors)
{
    pthread_mutex_destroy(&sensors->lock);
}

/* Row of a source, made when it is new; the last one takes those that find no room. */
static size_t row_of(struct erg_sensors *sensors, const char *source)
{
    for (size_t i = 0; i < sensors->count; i++) {
        if (strcmp(sensors->rows[i].source, source) == 0)
            return i;
    }
    if (sensors->count == ERG_SENSORS_MOST)
        return ERG_SENSORS_MOST - 1;
    size_t row = sensors->count++;
    snprintf(sensors->rows[row].source, sizeof sensors->rows[row].source, "%s", source);
    sensors->rows[row].read_ns = INT64_MIN;
    return row;
}

void erg_sensors_begin(struct erg_sensors *sensors, const struct erg_channel *channels,
                       uint32_t count)
{
    pthread_mutex_lock(&sensors->lock);
    sensors->channels = count < ERG_MAX_CHANNELS ? count : ERG_MAX_CHANNELS;
    for (uint32_t i = 0; i < sensors->channels; i++)
        sensors->row_of[i] = (unsigned char)row_of(sensors, channels[i].source);
    pthread_mutex_unlock(&sensors->lock);
}

void erg_sensors_update(struct erg_sensors *sensors, const struct erg_channel_state *states,
                        uint32_t count)
{
    pthread_mutex_lock(&sensors->lock);
    for (size_t i = 0; i < sensors->count; i++)
        sensors->rows[i].errors = 0;
    for (uint32_t i = 0; i < count && i < sensors->channels; i++) {
        size_t row = sensors->row_of[i];
        sensors->rows[row].errors += states[i].errors;
        if (states[i].read_ns > sensors->rows[row].read_ns)
            sensors->rows[row].read_ns = states[i].read_ns;
    }
    pthread_mutex_unlock(&sensors->lock);
}

void erg_sensors_end(struct erg_sensors *sensors)
{
    pthread_mutex_lock(&sensors->lock);
    for (size_t i = 0; i < sensors->count; i++) {
        sensors->rows[i].before += sensors->rows[i].errors;
        sensors->rows[i].errors = 0;
        sensors->rows[i].read_ns = INT64_MIN;
    }
    sensors->channels = 0;
    pthread_mutex_unlock(&sensors->lock);
}

size_t erg_sensors_look(struct erg_sensors *sensors, int64_t now_ns, struct erg_sensor_state *out,
                        size_t room)
{
    pthread_mutex_lock(&sensors->lock);
    size_t count = sensors->count < room ? sensors->count : room;
    for (size_t i = 0; i < count; i++) {
        int64_t read_ns = sensors->rows[i].read_ns;
        memcpy(out[i].source, sensors->rows[i].source, sizeof out[i].source);
        out[i].errors = sensors->rows[i].before + sensors->rows[i].errors;
        out[i].age_ns = read_ns == INT64_MIN ? -1 : now_ns > read_ns ? now_ns - read_ns : 0;
    }
    pthread_mutex_unlock(&sensors->lock);
    return count;
}
