/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include "base/num.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAMES = 128 };

struct parse {
    const struct erg_option_set *sets;
    size_t set_count;
    int argc;
    const char *const *argv;
    int next; /* argument not yet looked at */
};

static bool is_end(const struct erg_option *option)
{
    return option->kind == ERG_OPT_HEADING && !option->help;
}

/* The option of that name, or letter when `name` is NULL, and the struct its value goes to. */
static const struct erg_option *find(const struct parse *parse, const char *name, size_t len,
                                     char letter, void **out_values)
{
    for (size_t s = 0; s < parse->set_count; s++) {
        for (const struct erg_option *o = parse->sets[s].options; !is_end(o); o++) {
            if (o->kind == ERG_OPT_HEADING)
                continue;
            bool same =
                name ? strncmp(o->name, name, len) == 0 && !o->name[len] : o->letter == letter;
            if (same) {
                *out_values = parse->sets[s].values;
                return o;
            }
        }
    }
    return NULL;
}

static int unknown_name(const struct parse *parse, const char *name, size_t len,
                        struct erg_err *err)
{
    const char *names[MAX_NAMES + 1];
    size_t count = 0;
    char word[64];
    for (size_t s = 0; s < parse->set_count; s++) {
        for (const struct erg_option *o = parse->sets[s].options; !is_end(o); o++) {
            if (o->kind != ERG_OPT_HEADING && count < MAX_NAMES)
                names[count++] = o->name;
        }
    }
    names[count] = NULL;
    snprintf(word, sizeof word, "%.*s", (int)len, name);
    const char *near = erg_nearest(word, names);
    return near ? erg_fail(err, ERG_INVALID, "unknown option '--%s' (did you mean '--%s'?)", word,
                           near)
                : erg_fail(err, ERG_INVALID, "unknown option '--%s'", word);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    while (len && !strchr(text, '|')) {
        if (strncmp(choices, text, len) == 0 && (choices[len] == '|' || !choices[len]))
            return true;
        choices = strchr(choices, '|');
        if (!choices)
            return false;
        choices++;
    }
    return false;
}

static int parse_int(const struct erg_option *option, const char *text, int64_t *field,
                     struct erg_err *err)
{
    int64_t value;
    if (erg_parse_i64(text, option->min, option->max, &value, NULL) == 0) {
        *field = value;
        return 0;
    }
    return option->max == INT64_MAX
               ? erg_fail(err, ERG_INVALID,
                          "option '--%s' takes a whole number of at least %" PRId64 ", not '%.64s'",
                          option->name, option->min, text)
               : erg_fail(err, ERG_INVALID,
                          "option '--%s' takes a whole number from %" PRId64 " to %" PRId64
                          ", not '%.64s'",
                          option->name, option->min, option->max, text);
}

static int parse_real(const struct erg_option *option, const char *text, double *field,
                      struct erg_err *err)
{
    double value;
    if (erg_parse_double(text, option->real_min, option->real_max, &value, NULL))
        return erg_fail(err, ERG_INVALID, "option '--%s' takes a number from %g to %g, not '%.64s'",
                        option->name, option->real_min, option->real_max, text);
    *field = value;
    return 0;
}

static int parse_duration(const struct erg_option *option, const char *text, int64_t *field,
                          struct erg_err *err)
{
    int64_t value;
    if (erg_parse_duration_ns(text, &value, NULL) || value < option->min || value > option->max)
        return erg_fail(err, ERG_INVALID,
                        "option '--%s' takes a duration from %" PRId64 "s to %" PRId64
                        "s such as '250ms' or '10m', not '%.64s'",
                        option->name, option->min / 1000000000, option->max / 1000000000, text);
    *field = value;
    return 0;
}

static int append(const struct erg_option *option, const char *text, struct erg_string_list *list,
                  struct erg_err *err)
{
    size_t room = sizeof list->items / sizeof list->items[0];
    if (list->count == room || (option->max && list->count >= (size_t)option->max))
        return erg_fail(err, ERG_INVALID, "option '--%s' is given too often", option->name);
    list->items[list->count++] = text;
    return 0;
}

static int store_value(const struct erg_option *option, const char *text, void *values,
                       struct erg_err *err)
{
    void *field = (char *)values + option->offset;
    switch (option->kind) {
    case ERG_OPT_FLAG:
        *(bool *)field = true;
        return 0;
    case ERG_OPT_INT:
        return parse_int(option, text, field, err);
    case ERG_OPT_REAL:
        return parse_real(option, text, field, err);
    case ERG_OPT_DURATION:
        return parse_duration(option, text, field, err);
    case ERG_OPT_LIST:
        return append(option, text, field, err);
    case ERG_OPT_CHOICE:
        if (!is_choice(option->choices, text))
            return erg_fail(err, ERG_INVALID, "option '--%s' takes %s, not '%.64s'", option->name,
                            option->choices, text);
        break;
    case ERG_OPT_STRING:
    case ERG_OPT_HEADING:
        break;
    }
    *(const char **)field = text;
    return 0;
}

/* The value in `attached`, or the next argument. */
static int take_value(struct parse *parse, const struct erg_option *option, const char *attached,
                      void *values, struct erg_err *err)
{
    if (!attached && parse->next == parse->argc)
        return erg_fail(err, ERG_INVALID, "option '--%s' needs a value: --%s %s", option->name,
                        option->name, option->value);
    const char *text = attached ? attached : parse->argv[parse->next++];
    return store_value(option, text, values, err);
}

static int parse_long(struct parse *parse, const char *name, struct erg_err *err)
{
    void *values;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct erg_option *option = find(parse, name, len, 0, &values);
    if (!option)
        return unknown_name(parse, name, len, err);
    if (option->kind != ERG_OPT_FLAG)
        return take_value(parse, option, equals ? equals + 1 : NULL, values, err);
    if (equals)
        return erg_fail(err, ERG_INVALID, "option '--%s' takes no value", option->name);
    return store_value(option, NULL, values, err);
}

/* "-n5", "-n 5", and flags in one word: "-ab". */
static int parse_letters(struct parse *parse, const char *letters, struct erg_err *err)
{
    void *values;
    for (; *letters; letters++) {
        const struct erg_option *option = find(parse, NULL, 0, *letters, &values);
        if (!option) {
            size_t step = erg_utf8_step(letters, strlen(letters));
            return erg_fail(err, ERG_INVALID, "unknown option '-%.*s'", step ? (int)step : 1,
                            step ? letters : "?");
        }
        if (option->kind != ERG_OPT_FLAG)
            return take_value(parse, option, letters[1] ? letters + 1 : NULL, values, err);
        int rc = store_value(option, NULL, values, err);
        if (rc)
            return rc;
    }
    return 0;
}

int erg_options_parse(const struct erg_option_set *sets, size_t set_count, int argc,
                      const char *const *argv, bool stop_at_word, const char **out_rest,
                      size_t *out_rest_count, struct erg_err *err)
{
    struct parse parse = {sets, set_count, argc, argv, 0};
    size_t rest = 0;
    bool only_words = false;
    while (parse.next < argc) {
        const char *arg = argv[parse.next++];
        int rc = 0;
        if (only_words || arg[0] != '-' || !arg[1])
            out_rest[rest++] = arg;
        else if (strcmp(arg, "--") == 0)
            only_words = true;
        else
            rc = arg[1] == '-' ? parse_long(&parse, arg + 2, err)
                               : parse_letters(&parse, arg + 1, err);
        if (rc)
            return rc;
        if (stop_at_word && rest)
            break;
    }
    *out_rest_count = rest;
    return parse.next;
}

/* "  -m, --model FILE" */
static size_t put_name(const struct erg_option *option, struct erg_buf *out)
{
    size_t start = out->len;
    if (option->letter)
        erg_buf_printf(out, "  -%c, --%s", option->letter, option->name);
    else
        erg_buf_printf(out, "      --%s", option->name);
    if (option->value)
        erg_buf_printf(out, " %s", option->value);
    return erg_utf8_length(out->data + start, out->len - start);
}

void erg_options_help(const struct erg_option *options, struct erg_buf *out)
{
    enum { HELP_COLUMN = 28 };
    for (const struct erg_option *o = options; !is_end(o); o++) {
        if (o->kind == ERG_OPT_HEADING) {
            erg_buf_printf(out, "\n%s\n", o->help);
            continue;
        }
        size_t width = put_name(o, out);
        if (erg_buf_status(out))
            return;
        if (width + 2 > HELP_COLUMN)
            erg_buf_printf(out, "\n%*s", HELP_COLUMN, "");
        else
            erg_buf_printf(out, "%*s", (int)(HELP_COLUMN - width), "");
        erg_buf_printf(out, "%s\n", o->help);
    }
}
