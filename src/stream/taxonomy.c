/* SPDX-License-Identifier: MIT */
#include "stream/taxonomy.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

static const struct {
    const char *name;
    enum erg_component_group group;
    const char *section;
} components[ERG_COMPONENTS] = {{"", ERG_GROUP_OTHER, ""},
#define X(name, group, section) {#name, ERG_GROUP_##group, section},
                                ERG_COMPONENT_TABLE(X)
#undef X
};

const char *erg_phase_name(uint32_t phase)
{
    static const char *const names[ERG_PHASES] = {"pre_inference", "prefill", "decode",
                                                  "post_inference"};
    return phase < ERG_PHASES ? names[phase] : NULL;
}

static bool is_component(enum erg_component component)
{
    return (unsigned)component < ERG_COMPONENTS;
}

const char *erg_component_name(enum erg_component component)
{
    return is_component(component) ? components[component].name : "";
}

enum erg_component erg_component_find(const char *name)
{
    for (int i = ERG_COMPONENT_NONE + 1; i < ERG_COMPONENTS; i++) {
        if (!strcmp(components[i].name, name))
            return (enum erg_component)i;
    }
    return ERG_COMPONENT_NONE;
}

enum erg_component_group erg_component_group(enum erg_component component)
{
    return is_component(component) ? components[component].group : ERG_GROUP_OTHER;
}

const char *erg_component_section(enum erg_component component, uint32_t phase)
{
    if (!is_component(component) || !*components[component].section)
        return NULL;
    if (phase != ERG_PHASE_PREFILL && phase != ERG_PHASE_DECODE)
        return NULL;
    if (strcmp(components[component].section, "kv_cache") != 0)
        return components[component].section;
    return phase == ERG_PHASE_PREFILL ? "kv_cache_store" : "kv_cache_append";
}

int erg_section_order(const char *name)
{
    static const char *const order[] = {
#define X(name) #name,
        ERG_SECTION_TABLE(X)
#undef X
    };
    for (int i = 0; i < (int)(sizeof order / sizeof order[0]); i++) {
        if (!strcmp(order[i], name))
            return i;
    }
    return INT_MAX;
}
