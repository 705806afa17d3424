/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_POWER_SENSOR_RIG_H
#define ERG_TESTS_POWER_SENSOR_RIG_H

#include "base/limits.h"
#include "power/driver.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * One driver over a tree of files, read at times that the test chooses, its readings in a timeline;
 * and trees that a test writes while it runs. To be included behind cmocka.h.
 */
#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

struct rig {
    const struct erg_power_driver *driver;
    struct erg_root root;
    struct erg_power_source *source;
    struct erg_channel channels[ERG_MAX_CHANNELS];
    struct erg_channel_value values[ERG_MAX_CHANNELS];
    uint32_t count;
    struct erg_timeline *timeline;
    struct erg_err err;
    int64_t now_ns;
    struct erg_clock clock;
};

static inline int64_t rig_now(void *user)
{
    return ((struct rig *)user)->now_ns;
}

static inline void rig_init(struct rig *rig, const char *driver, const char *dir)
{
    memset(rig, 0, sizeof *rig);
    rig->clock = (struct erg_clock){rig_now, rig_now, NULL, rig};
    assert_int_equal(erg_root_init(&rig->root, dir, NULL), 0);
    for (size_t i = 0; erg_power_drivers[i]; i++) {
        if (strcmp(erg_power_drivers[i]->name, driver) == 0)
            rig->driver = erg_power_drivers[i];
    }
    assert_non_null(rig->driver);
}

static inline struct erg_power_probe rig_probe(const struct rig *rig)
{
    struct erg_power_probe probe = {.name = rig->driver->name, .state = (enum erg_power_state)99};
    rig->driver->probe(&rig->root, &probe);
    return probe;
}

static inline int rig_open(struct rig *rig)
{
    struct erg_power_options options = {.root = &rig->root, .clock = &rig->clock};
    bool exact = true;
    int rc = rig->driver->open(&options, NULL, &rig->source, rig->channels, &rig->count, &exact,
                               &rig->err);
    if (rc)
        return rc;
    assert_false(exact);
    assert_int_equal(erg_timeline_new(&rig->timeline, rig->channels, rig->count, NULL), 0);
    return 0;
}

static inline int rig_read(struct rig *rig, int64_t t_ns)
{
    int64_t stamp = rig->now_ns = t_ns;
    memset(rig->values, 0, sizeof rig->values);
    int rc = rig->driver->read(rig->source, &stamp, rig->values, &rig->err);
    assert_int_equal(stamp, t_ns);
    for (uint32_t i = 0; rc == 0 && i < rig->count; i++) {
        if (rig->values[i].status == (uint32_t)-ERG_OVERRUN)
            erg_timeline_break(rig->timeline, i);
        if (rig->values[i].status)
            assert_int_equal(rig->values[i].value, 0);
        else
            assert_int_equal(erg_timeline_add(rig->timeline, i, t_ns, rig->values[i].value, NULL),
                             0);
    }
    return rc;
}

static inline int64_t rig_energy(const struct rig *rig, uint32_t channel, int64_t t0, int64_t t1)
{
    int64_t nj = -1;
    return erg_timeline_channel_energy(rig->timeline, channel, t0, t1, &nj) ? nj : -1;
}

static inline void rig_close(struct rig *rig)
{
    erg_timeline_free(rig->timeline);
    rig->driver->close(rig->source);
    rig->timeline = NULL;
    rig->source = NULL;
}

/* Deterministic numbers 0 … below-1. */
static inline uint32_t rig_random(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

/* --- a tree that the test writes -------------------------------------------------------------- */

struct tree {
    char dir[64];
};

static inline void tree_init(struct tree *tree)
{
    snprintf(tree->dir, sizeof tree->dir, "/tmp/ergon-sensors-XXXXXX");
    assert_non_null(mkdtemp(tree->dir));
}

static inline void tree_write(const struct tree *tree, const char *path, const void *bytes,
                              size_t len)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", tree->dir, path);
    for (char *p = full + strlen(tree->dir) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        (void)mkdir(full, 0755);
        *p = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static inline void tree_put(const struct tree *tree, const char *path, const char *text)
{
    tree_write(tree, path, text, strlen(text));
}

static inline void tree_put_number(const struct tree *tree, const char *path, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld\n", (long long)number);
    tree_put(tree, path, text);
}

static inline int tree_remove_entry(const char *path, const struct stat *st, int type,
                                    struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static inline void tree_deinit(struct tree *tree)
{
    assert_int_equal(nftw(tree->dir, tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
