/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_TAXONOMY_H
#define ERG_STREAM_TAXONOMY_H

#include "stream/format.h"

/*
 * The fixed vocabulary of a run: phases, sections, components. The stream carries names, so an
 * engine may use others; these are the ones Ergon knows how to group.
 */

/* X(name): sections of the pipeline, in the order they are shown */
#define ERG_SECTION_TABLE(X)                                                                       \
    X(tokenization)                                                                                \
    X(kv_cache_init)                                                                               \
    X(tensor_transfer)                                                                             \
    X(embedding_lookup)                                                                            \
    X(position_embedding)                                                                          \
    X(layers)                                                                                      \
    X(final_layernorm)                                                                             \
    X(lm_head)                                                                                     \
    X(sampling)                                                                                    \
    X(kv_cache_store)                                                                              \
    X(kv_cache_append)                                                                             \
    X(detokenization)                                                                              \
    X(cleanup)

/* What part of a layer a component counts for in layer_metrics. */
enum erg_component_group {
    ERG_GROUP_OTHER,     /* outside the layers, or neither */
    ERG_GROUP_ATTENTION, /* from the input norm to the residual after attention */
    ERG_GROUP_MLP,       /* from the norm before the MLP to the residual after it */
};

/*
 * X(name, group, section): components, in the order of a forward pass. `section` is where its time
 * counts in prefill and decode; "" = in none; "kv_cache" = kv_cache_store or kv_cache_append.
 */
#define ERG_COMPONENT_TABLE(X)                                                                     \
    X(graph_prepare, OTHER, "")                                                                    \
    X(embedding, OTHER, "embedding_lookup")                                                        \
    X(input_layernorm, ATTENTION, "layers")                                                        \
    X(q_proj, ATTENTION, "layers")                                                                 \
    X(k_proj, ATTENTION, "layers")                                                                 \
    X(v_proj, ATTENTION, "layers")                                                                 \
    X(qkv_proj, ATTENTION, "layers")                                                               \
    X(qk_norm, ATTENTION, "layers")                                                                \
    X(rope, ATTENTION, "position_embedding")                                                       \
    X(kv_append, ATTENTION, "kv_cache")                                                            \
    X(attention, ATTENTION, "layers")                                                              \
    X(attn_gate, ATTENTION, "layers")                                                              \
    X(o_proj, ATTENTION, "layers")                                                                 \
    X(post_attention_norm, ATTENTION, "layers")                                                    \
    X(attn_residual, ATTENTION, "layers")                                                          \
    X(post_attention_layernorm, MLP, "layers")                                                     \
    X(gate_proj, MLP, "layers")                                                                    \
    X(up_proj, MLP, "layers")                                                                      \
    X(gate_up_proj, MLP, "layers")                                                                 \
    X(activation, MLP, "layers")                                                                   \
    X(down_proj, MLP, "layers")                                                                    \
    X(router, MLP, "layers")                                                                       \
    X(experts, MLP, "layers")                                                                      \
    X(shared_expert, MLP, "layers")                                                                \
    X(post_ffw_norm, MLP, "layers")                                                                \
    X(mlp_residual, MLP, "layers")                                                                 \
    X(recurrent, ATTENTION, "layers")                                                              \
    X(lora, OTHER, "layers")                                                                       \
    X(mtp, OTHER, "layers")                                                                        \
    X(output_select, OTHER, "layers")                                                              \
    X(final_norm, OTHER, "final_layernorm")                                                        \
    X(lm_head, OTHER, "lm_head")                                                                   \
    X(output, OTHER, "")                                                                           \
    X(sampling, OTHER, "sampling")                                                                 \
    X(profiler, OTHER, "")                                                                         \
    X(unattributed, OTHER, "")

enum erg_component {
    ERG_COMPONENT_NONE = 0,
#define X(name, group, section) ERG_COMPONENT_##name,
    ERG_COMPONENT_TABLE(X)
#undef X
        ERG_COMPONENTS,
};

/* "prefill"; NULL when `phase` is none of the four. */
const char *erg_phase_name(uint32_t phase);

/* Name of a component; "" for NONE. */
const char *erg_component_name(enum erg_component component);

/* The component of that name, ERG_COMPONENT_NONE when it is not one of the table's. */
enum erg_component erg_component_find(const char *name);

enum erg_component_group erg_component_group(enum erg_component component);

/* Section a component's time counts for in a phase (PREFILL or DECODE); NULL = in none. */
const char *erg_component_section(enum erg_component component, uint32_t phase);

/* Position of a section in the pipeline, for sorting; a name that is not known sorts last. */
int erg_section_order(const char *name);

#endif
