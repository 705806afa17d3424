/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/utf8.h"
#include "server/guard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What every handler relies on. */
static void check_head(const struct erg_head *head)
{
    require(head->path[0] == '/' && erg_utf8_valid(head->path, strlen(head->path)));
    for (const char *segment = head->path; segment; segment = strchr(segment + 1, '/'))
        require(strcmp(segment, "/..") != 0 && strcmp(segment, "/.") != 0 &&
                strncmp(segment, "/../", 4) != 0 && strncmp(segment, "/./", 3) != 0);
    for (const char *c = head->path; *c; c++)
        require((unsigned char)*c >= ' ' && *c != 0x7f);
    for (const char *c = head->query; *c; c++)
        require(*c > ' ' && *c < 0x7f);
}

/* What goes on has passed every rule, stated here once more in other words. */
static void check_passed(enum erg_verdict verdict, const struct erg_head *head, size_t body_bytes)
{
    const char *host = head->host;
    require(host &&
            (strcasecmp(host, "127.0.0.1:8000") == 0 || strcasecmp(host, "localhost:8000") == 0 ||
             strcasecmp(host, "[::1]:8000") == 0 || strcasecmp(host, "fuzz") == 0 ||
             strcasecmp(host, "fuzz:8000") == 0));
    require(!head->transfer_encoding && body_bytes <= ERG_MAX_REQUEST_BODY_BYTES);
    require(!head->upgrade || verdict == ERG_WEBSOCKET);
    if (head->method != ERG_GET || head->upgrade) {
        require(!head->origin || strstr(head->origin, "://"));
        require(!head->fetch_site || strcmp(head->fetch_site, "same-origin") == 0);
    }
    if (verdict == ERG_WEBSOCKET)
        require(strcmp(head->path, "/ws") == 0 && strcmp(head->websocket_version, "13") == 0);
}

static void check_guard(const struct erg_head *head)
{
    static const char *const allowed[] = {"fuzz"};
    static const char token[] = "fuzz-fuzz-fuzz-fuzz";
    for (int guarded = 0; guarded < 2; guarded++) {
        struct erg_guard guard;
        struct erg_refusal refusal;
        size_t body_bytes;
        require(erg_guard_init(&guard, "localhost", 8000, allowed, 1, guarded ? token : NULL,
                               "0123456789abcdef0123456789abcdef", NULL) == 0);
        guard.ws_path = "/ws";
        enum erg_verdict verdict = erg_guard_check(&guard, head, false, &body_bytes, &refusal);
        require((verdict == ERG_REFUSED) == (refusal.status >= 400 && refusal.status < 600));
        if (verdict != ERG_REFUSED)
            check_passed(verdict, head, body_bytes);
        if (verdict != ERG_REFUSED && guarded)
            require((head->authorization && strstr(head->authorization, token)) ||
                    (head->cookie && strstr(head->cookie, guard.secret)));
        erg_guard_deinit(&guard);
    }
}

/* How much is looked at in one go changes nothing. */
static void check_pieces(const char *bytes, size_t size, const struct erg_head_scan *whole,
                         bool found)
{
    struct erg_head_scan scan = {0};
    struct erg_refusal refusal;
    bool found_too = false;
    for (size_t len = 0; len <= size && !found_too; len += len < 64 ? 1 : 1 + size / 16)
        found_too = erg_head_find(&scan, bytes, len, &refusal);
    if (!found_too)
        found_too = erg_head_find(&scan, bytes, size, &refusal);
    require(found_too == found);
    if (found && !refusal.status)
        require(scan.seen == whole->seen && scan.start == whole->start);
}

/* The head of a request, and whether it may go on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct erg_head_scan scan = {0};
    struct erg_refusal refusal;
    struct erg_head head;
    bool found = erg_head_find(&scan, bytes, size, &refusal);
    require(scan.seen <= size && scan.start <= scan.seen);
    check_pieces(bytes, size, &scan, found);
    if (!found || refusal.status) {
        require(!found || refusal.status >= 400);
        return 0;
    }
    char *text = malloc(scan.seen - scan.start + 1);
    require(text != NULL);
    memcpy(text, bytes + scan.start, scan.seen - scan.start);
    text[scan.seen - scan.start] = '\0';
    if (erg_head_parse(text, scan.seen - scan.start, &head, &refusal)) {
        check_head(&head);
        check_guard(&head);
    } else {
        require(refusal.status >= 400 && refusal.code && refusal.detail);
    }
    free(text);
    return 0;
}
