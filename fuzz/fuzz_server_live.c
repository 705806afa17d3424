/* SPDX-License-Identifier: MIT */
#include "server/live_client.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t stand_still(void *user)
{
    (void)user;
    return INT64_C(1000000000000);
}

/* A message of a client of the live stream: it goes on where it said, or the connection ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char event[] = "{\"type\":\"event\"}";
    const struct erg_clock clock = {stand_still, stand_still, NULL, NULL};
    struct erg_ring *ring = NULL;
    if (erg_ring_new(&ring, 1000, 100, NULL))
        return 0;
    struct erg_live_stream stream = {ring, &clock};
    struct erg_ws_handler handler = erg_live_handler(&stream);
    void *client = handler.open(handler.user);
    for (int i = 0; i < 30; i++)
        erg_ring_put(ring, i % 3 ? ERG_FRAME_EVENT : ERG_FRAME_PROGRESS, event, sizeof event - 1);
    int rc = client ? handler.message(client, (const char *)data, size) : ERG_CLOSE_POLICY;
    if (rc != 0 && rc != ERG_CLOSE_POLICY)
        abort();
    struct erg_buf out = {0};
    int frames = 0;
    for (; client && rc == 0 && handler.next(client, stand_still(NULL), &out) == 1; frames++) {
        if (strncmp(out.data, "{\"seq\":", 7) != 0 || out.data[out.len - 1] != '}' || frames > 32)
            abort();
        erg_buf_clear(&out);
    }
    erg_buf_deinit(&out);
    if (client)
        handler.close(client);
    erg_ring_free(ring);
    return 0;
}
