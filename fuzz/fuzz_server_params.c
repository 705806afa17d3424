/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "server/routes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

/* What a handler gets is within what its route declares. */
static void check(const struct erg_params *params)
{
    for (size_t i = 0; params->specs[i].name; i++) {
        const struct erg_param_spec *spec = &params->specs[i];
        const char *text = erg_param_text(params, spec->name);
        require(text || !spec->required);
        if (!text)
            continue;
        require(erg_utf8_valid(text, strlen(text)));
        if (spec->kind == ERG_PARAM_TEXT)
            require((double)strlen(text) <= spec->most);
        if (spec->kind == ERG_PARAM_INT || spec->kind == ERG_PARAM_REAL)
            require(params->values[i].number >= spec->least &&
                    params->values[i].number <= spec->most);
        if (spec->kind == ERG_PARAM_CHOICE)
            require(strstr(spec->choices, text) != NULL && *text && !strchr(text, '|'));
    }
}

/* The first byte says which route; the rest is the query. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char query[4096];
    size_t routes = 0;
    struct erg_params params;
    if (size < 1 || size > sizeof query || memchr(data + 1, 0, size - 1))
        return 0;
    while (erg_route_at(routes))
        routes++;
    memcpy(query, data + 1, size - 1);
    query[size - 1] = '\0';
    if (erg_params_parse(&params, erg_route_at(data[0] % routes)->params, query, NULL) == 0)
        check(&params);
    erg_params_deinit(&params);
    return 0;
}
