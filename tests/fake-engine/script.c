/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "fake.h"

#include <string.h>

enum { MAX_NESTING = 8, MAX_WORD = 64 };

struct loop {
    const char *body; /* first line of it */
    int64_t left;
};

static char unescape(const char **p)
{
    static const char from[] = "ntr\"\\", to[] = "\n\t\r\"\\";
    char c = *(*p)++;
    if (c == 'x') {
        unsigned value = 0;
        for (int i = 0; i < 2 && strchr("0123456789abcdef", **p) && **p; i++, (*p)++)
            value = value * 16 + (unsigned)(**p > '9' ? **p - 'a' + 10 : **p - '0');
        return (char)value;
    }
    const char *known = strchr(from, c);
    return known && c ? to[known - from] : c;
}

bool fake_next_word(const char **line, char *out, size_t out_bytes)
{
    const char *p = *line;
    size_t len = 0;
    while (*p == ' ' || *p == '\t')
        p++;
    if (!*p || *p == '\n')
        return false;
    bool quoted = *p == '"';
    for (p += quoted; *p && *p != '\n';) {
        if (quoted ? *p == '"' : *p == ' ')
            break;
        char c = *p++;
        if (quoted && c == '\\' && *p)
            c = unescape(&p);
        if (len + 1 < out_bytes)
            out[len++] = c;
    }
    out[len] = '\0';
    *line = *p == '"' ? p + 1 : p;
    return true;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

/* Behind the `end` that closes the loop whose body begins at `line`. */
static const char *skip_loop(const char *line)
{
    int depth = 1;
    while (*line && depth) {
        const char *p = line;
        char word[MAX_WORD] = "";
        fake_next_word(&p, word, sizeof word);
        depth += !strcmp(word, "repeat") - !strcmp(word, "end");
        line = next_line(line);
    }
    return line;
}

static int run_lines(struct fake_engine *engine, const char *line, struct erg_err *err)
{
    struct loop loops[MAX_NESTING];
    int depth = 0;
    while (*line && !engine->quit) {
        const char *p = line;
        char word[MAX_WORD], count[MAX_WORD] = "";
        fake_take_commands(engine, 0);
        if (engine->cancel) {
            ergon_probe_run_end(engine->probe, engine->now_ns, ERGON_CANCELLED, "cancelled");
            return 0;
        }
        line = next_line(line);
        if (!fake_next_word(&p, word, sizeof word) || word[0] == '#')
            continue;
        if (!strcmp(word, "end") && depth) {
            if (--loops[depth - 1].left > 0)
                line = loops[depth - 1].body;
            else
                depth--;
        } else if (!strcmp(word, "repeat") && depth < MAX_NESTING) {
            loops[depth].body = line;
            fake_next_word(&p, count, sizeof count);
            if (erg_parse_i64(count, 0, INT64_MAX, &loops[depth].left, err))
                return ERG_INVALID;
            if (loops[depth].left)
                depth++;
            else
                line = skip_loop(line);
        } else if (fake_do_statement(engine, word, p, err)) {
            erg_err_prefix(err, "statement '%s'", word);
            return ERG_INVALID;
        }
    }
    return 0;
}

int fake_run_script(struct fake_engine *engine, const char *text, struct erg_err *err)
{
    engine->now_ns = ergon_probe_now_ns();
    engine->realtime = false;
    engine->position = engine->token_position = 0;
    int rc = run_lines(engine, text, err);
    ergon_probe_drain(engine->probe, 10000);
    return rc;
}
