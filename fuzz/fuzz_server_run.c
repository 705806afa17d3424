/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "server/run_request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The body of POST /generate on a server without models: whatever is right otherwise has no such
 * model, and whatever is wrong is refused with a reason that is text.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct erg_model_dirs none = {0};
    const struct erg_run_rules rules = {.model_dirs = &none, .store_path = "store.db"};
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    struct erg_err err = {.text = ""};
    int rc = erg_run_request_parse(&request, &rules, (const char *)data, size, &fault, &err);
    if (rc != ERG_INVALID && rc != ERG_NOT_FOUND)
        abort();
    if (request || err.code != rc || !*err.text)
        abort();
    if (rc == ERG_NOT_FOUND && strcmp(fault.member, "model_name") != 0)
        abort();
    return 0;
}
