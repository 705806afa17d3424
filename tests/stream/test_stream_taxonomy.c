/* SPDX-License-Identifier: MIT */
#include "stream/taxonomy.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_names_and_components_are_inverse(void **state)
{
    (void)state;
    for (int i = 1; i < ERG_COMPONENTS; i++) {
        const char *name = erg_component_name((enum erg_component)i);
        assert_int_equal(erg_component_find(name), i);
    }
    assert_int_equal(erg_component_find(""), ERG_COMPONENT_NONE);
    assert_int_equal(erg_component_find("Q_PROJ"), ERG_COMPONENT_NONE);
    assert_string_equal(erg_component_name(ERG_COMPONENT_NONE), "");
    assert_string_equal(erg_component_name((enum erg_component)(ERG_COMPONENTS + 3)), "");
    assert_string_equal(erg_component_name(ERG_COMPONENT_q_proj), "q_proj");
}

/* Every section a component counts for is one of the pipeline's. */
static void test_sections_are_known(void **state)
{
    (void)state;
    for (int i = 0; i < ERG_COMPONENTS; i++) {
        for (uint32_t phase = 0; phase <= ERG_PHASES; phase++) {
            const char *section = erg_component_section((enum erg_component)i, phase);
            if (phase != ERG_PHASE_PREFILL && phase != ERG_PHASE_DECODE)
                assert_null(section);
            else if (section)
                assert_true(erg_section_order(section) < INT_MAX);
        }
    }
    assert_int_equal(erg_section_order("no such section"), INT_MAX);
    assert_true(erg_section_order("tokenization") < erg_section_order("layers"));
    assert_true(erg_section_order("layers") < erg_section_order("cleanup"));
}

static void test_lookups(void **state)
{
    (void)state;
    assert_string_equal(erg_component_section(ERG_COMPONENT_kv_append, ERG_PHASE_PREFILL),
                        "kv_cache_store");
    assert_string_equal(erg_component_section(ERG_COMPONENT_kv_append, ERG_PHASE_DECODE),
                        "kv_cache_append");
    assert_string_equal(erg_component_section(ERG_COMPONENT_rope, ERG_PHASE_DECODE),
                        "position_embedding");
    assert_null(erg_component_section(ERG_COMPONENT_graph_prepare, ERG_PHASE_DECODE));
    assert_int_equal(erg_component_group(ERG_COMPONENT_down_proj), ERG_GROUP_MLP);
    assert_int_equal(erg_component_group(ERG_COMPONENT_o_proj), ERG_GROUP_ATTENTION);
    assert_int_equal(erg_component_group(ERG_COMPONENT_lm_head), ERG_GROUP_OTHER);
    assert_int_equal(erg_component_group((enum erg_component)9999), ERG_GROUP_OTHER);
    assert_string_equal(erg_phase_name(ERG_PHASE_PREFILL), "prefill");
    assert_string_equal(erg_phase_name(ERG_PHASE_POST_INFERENCE), "post_inference");
    assert_null(erg_phase_name(ERG_PHASES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_components_are_inverse),
        cmocka_unit_test(test_sections_are_known),
        cmocka_unit_test(test_lookups),
    };
    return cmocka_run_group_tests_name("stream_taxonomy", tests, NULL, NULL);
}
