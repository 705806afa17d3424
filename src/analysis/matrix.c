/* SPDX-License-Identifier: MIT */
#include "analysis/matrix.h"

#include "base/limits.h"
#include "base/mem.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ANY_MODE "minimal", "standard", "deep"

static const struct erg_matrix_info infos[ERG_MATRIX_METRICS] = {
    [ERG_MATRIX_TIME_MS] = {"time_ms", "time", "ms", "sum", {ANY_MODE}},
    [ERG_MATRIX_ENERGY_MJ] = {"energy_mj", "energy", "mJ", "sum", {ANY_MODE}},
    [ERG_MATRIX_POWER_MW] = {"power_mw", "power", "mW", "ratio", {ANY_MODE}},
    [ERG_MATRIX_MEAN] = {"activation_mean", "mean of |x|", "", "average", {"standard", "deep"}},
    [ERG_MATRIX_STD] = {"activation_std", "deviation of x", "", "average", {"standard", "deep"}},
    [ERG_MATRIX_MAX] = {"activation_max", "largest |x|", "", "max", {"standard", "deep"}},
    [ERG_MATRIX_SPARSITY] =
        {"activation_sparsity", "share near zero", "", "average", {"standard", "deep"}},
    [ERG_MATRIX_ENTROPY] = {"attention_entropy", "attention entropy", "nats", "average", {"deep"}},
};

const struct erg_matrix_info *erg_matrix_info(enum erg_matrix_metric metric)
{
    return &infos[metric];
}

int erg_matrix_find(const char *name)
{
    for (int m = 0; m < ERG_MATRIX_METRICS; m++) {
        if (strcmp(infos[m].name, name) == 0)
            return m;
    }
    return -1;
}

/* --- axes --------------------------------------------------------------------------------------*/

void erg_matrix_axes_deinit(struct erg_matrix_axes *axes)
{
    free(axes->layers);
    free(axes->components);
    *axes = (struct erg_matrix_axes){0};
}

static int add_layer(struct erg_matrix_axes *axes, int layer)
{
    size_t at = axes->layer_count;
    while (at > 0 && axes->layers[at - 1] > layer)
        at--;
    if (at > 0 && axes->layers[at - 1] == layer)
        return 0;
    void *items = axes->layers;
    int rc = erg_grow(&items, &axes->layer_capacity, axes->layer_count + 1, sizeof *axes->layers,
                      ERG_MAX_LAYERS + 1);
    axes->layers = items;
    if (rc)
        return rc;
    memmove(axes->layers + at + 1, axes->layers + at,
            (axes->layer_count++ - at) * sizeof *axes->layers);
    axes->layers[at] = layer;
    return 0;
}

/* Place in a forward pass; names that are none of the table's come last. */
static int place_of(uint16_t component, erg_names names, void *user)
{
    const char *name = names(user, component);
    enum erg_component known = erg_component_find(name ? name : "");
    return known == ERG_COMPONENT_NONE ? ERG_COMPONENTS : (int)known;
}

static int add_component(struct erg_matrix_axes *axes, uint16_t component, erg_names names,
                         void *user)
{
    for (size_t i = 0; i < axes->component_count; i++) {
        if (axes->components[i] == component)
            return 0;
    }
    size_t at = axes->component_count;
    int place = place_of(component, names, user);
    while (at > 0 && place_of(axes->components[at - 1], names, user) > place)
        at--;
    void *items = axes->components;
    int rc = erg_grow(&items, &axes->component_capacity, axes->component_count + 1,
                      sizeof *axes->components, ERG_MAX_NAMES);
    axes->components = items;
    if (rc)
        return rc;
    memmove(axes->components + at + 1, axes->components + at,
            (axes->component_count++ - at) * sizeof *axes->components);
    axes->components[at] = component;
    return 0;
}

int erg_matrix_axes(struct erg_matrix_axes *out, const struct erg_rollup_row *rows, size_t count,
                    erg_names names, void *user)
{
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        uint16_t component = rows[i].component;
        if (component == 0 || component == ERG_ROLLUP_UNPROFILED)
            continue;
        rc = add_layer(out, rows[i].layer);
        if (!rc)
            rc = add_component(out, component, names, user);
    }
    return rc;
}

/* --- values ------------------------------------------------------------------------------------*/

double erg_matrix_value(const struct erg_fold_row *row, enum erg_matrix_metric metric)
{
    bool known = erg_energy_known(&row->energy);
    double nj = (double)erg_energy_total_nj(&row->energy), ns = (double)row->duration_ns;
    switch (metric) {
    case ERG_MATRIX_TIME_MS:
        return ns / 1e6;
    case ERG_MATRIX_ENERGY_MJ:
        return known ? nj / 1e6 : NAN;
    case ERG_MATRIX_POWER_MW:
        return known && ns > 0 ? nj / ns * 1e3 : NAN;
    case ERG_MATRIX_MEAN:
        return row->mean;
    case ERG_MATRIX_STD:
        return row->std;
    case ERG_MATRIX_MAX:
        return row->max;
    case ERG_MATRIX_SPARSITY:
        return row->sparsity;
    case ERG_MATRIX_ENTROPY:
        return row->attention_entropy.count ? row->attention_entropy.mean : NAN;
    case ERG_MATRIX_METRICS:
        break;
    }
    return NAN;
}

static size_t find_layer(const struct erg_matrix_axes *axes, int layer)
{
    size_t from = 0, to = axes->layer_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (axes->layers[middle] < layer)
            from = middle + 1;
        else
            to = middle;
    }
    return from < axes->layer_count && axes->layers[from] == layer ? from : SIZE_MAX;
}

static size_t find_component(const struct erg_matrix_axes *axes, uint16_t component)
{
    for (size_t i = 0; i < axes->component_count; i++) {
        if (axes->components[i] == component)
            return i;
    }
    return SIZE_MAX;
}

size_t erg_matrix_cell(const struct erg_matrix_axes *axes, int layer, uint16_t component)
{
    size_t row = find_layer(axes, layer), column = find_component(axes, component);
    return row == SIZE_MAX || column == SIZE_MAX ? SIZE_MAX : row * axes->component_count + column;
}

void erg_matrix_fill(const struct erg_matrix_axes *axes, const struct erg_fold *fold,
                     enum erg_matrix_metric metric, double *out_values)
{
    for (size_t i = 0; i < axes->layer_count * axes->component_count; i++)
        out_values[i] = NAN;
    for (size_t i = 0; i < fold->count; i++) {
        const struct erg_fold_row *row = &fold->rows[i];
        size_t at = erg_matrix_cell(axes, row->layer, row->component);
        if (at != SIZE_MAX)
            out_values[at] = erg_matrix_value(row, metric);
    }
}
