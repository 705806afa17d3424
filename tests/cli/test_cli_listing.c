/* SPDX-License-Identifier: MIT */
#include "cli/listing.h"

#include "test.h"

static void expect(struct erg_listing *listing, const char *text)
{
    struct erg_buf out = {0};
    assert_int_equal(erg_listing_write(listing, 1, &out), 0);
    assert_string_equal(erg_buf_view(&out), text);
    erg_buf_deinit(&out);
    erg_listing_deinit(listing);
}

static void test_columns_line_up(void **state)
{
    (void)state;
    struct erg_listing listing = {0};
    erg_listing_column(&listing, "name", false);
    erg_listing_column(&listing, "value", true);
    erg_listing_column(&listing, "unit", false);
    const char *const cells[] = {"a", "1", "mJ", "longer", "12345678", ""};
    for (size_t i = 0; i < ERG_COUNT(cells); i++)
        erg_listing_cell(&listing, cells[i]);
    expect(&listing, " name       value  unit\n"
                     " a              1  mJ\n"
                     " longer  12345678\n");
}

/* é is one column in two bytes, 漢 two columns in three, a combining accent none. */
static void test_width_of_characters(void **state)
{
    (void)state;
    struct erg_listing listing = {0};
    erg_listing_column(&listing, "t", false);
    erg_listing_column(&listing, "n", true);
    const char *const cells[] = {"\xC3\xA9", "1", "\xE6\xBC\xA2", "2", "e\xCC\x81", "3"};
    for (size_t i = 0; i < ERG_COUNT(cells); i++)
        erg_listing_cell(&listing, cells[i]);
    expect(&listing, " t   n\n \xC3\xA9   1\n \xE6\xBC\xA2  2\n e\xCC\x81   3\n");
}

static void test_texts_are_cut_and_made_harmless(void **state)
{
    (void)state;
    struct erg_listing listing = {.cut_at = {5}};
    erg_listing_column(&listing, "text", false);
    erg_listing_cell(&listing, "a\n\x1b[2J\xFF");
    erg_listing_cell(&listing, "12345");
    erg_listing_cell(&listing, "\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2");
    expect(&listing, " text\n a  [\xE2\x80\xA6\n 12345\n \xE6\xBC\xA2\xE6\xBC\xA2\xE2\x80\xA6\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_line_up),
        cmocka_unit_test(test_width_of_characters),
        cmocka_unit_test(test_texts_are_cut_and_made_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
