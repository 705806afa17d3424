/* SPDX-License-Identifier: MIT */
/* An engine for tests: writes the event stream that a script describes (README.md). */
#include "base/mem.h"
#include "base/num.h"
#include "base/root.h"
#include "base/system.h"
#include "fake.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SCRIPT_BYTES = 1 << 20 };

/* The stream goes to a file: no recorder, one run at once. */
static int open_file(struct fake_engine *engine, const char *path)
{
    engine->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    engine->probe = engine->fd < 0 ? NULL : ergon_probe_open(engine->fd, NULL);
    engine->run = true;
    return engine->probe ? 0 : -1;
}

static int open_recorder(struct fake_engine *engine)
{
    const char *text = getenv("ERGON_PROBE_FD");
    int64_t fd;
    erg_system_die_with_parent();
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL); /* of our raw writes */
    engine->probe = ergon_probe_open_env();
    engine->has_recorder = true;
    if (!engine->probe || erg_parse_i64(text, 0, INT32_MAX, &fd, NULL))
        return -1;
    engine->fd = (int)fd;
    return 0;
}

static int serve(struct fake_engine *engine, const char *script)
{
    struct erg_err err;
    int rc = 0;
    do {
        while (!engine->run && !engine->quit)
            fake_take_commands(engine, -1);
        if (engine->quit)
            break;
        engine->run = engine->cancel = false;
        rc = fake_run_script(engine, script, &err);
    } while (!rc && engine->has_recorder);
    if (rc)
        fprintf(stderr, "ergon-fake-engine: %s\n", err.text);
    return rc ? 2 : engine->exit_status;
}

int main(int argc, char **argv)
{
    const char *script_path = getenv("ERGON_FAKE_SCRIPT"), *out_path = NULL;
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], "--script"))
            script_path = argv[++i];
        else if (!strcmp(argv[i], "--out"))
            out_path = argv[++i];
    }
    struct fake_engine engine = {.phase = ERGON_DECODE};
    struct erg_err err;
    ERG_AUTO_FREE char *script = NULL;
    size_t len;
    if (!script_path) {
        fputs("usage: ergon-fake-engine --script FILE [--out STREAM]\n", stderr);
        return 2;
    }
    if (erg_read_file(script_path, MAX_SCRIPT_BYTES, &script, &len, &err)) {
        fprintf(stderr, "ergon-fake-engine: %s\n", err.text);
        return 2;
    }
    if (out_path ? open_file(&engine, out_path) : open_recorder(&engine)) {
        perror("ergon-fake-engine: cannot open the event stream");
        return 2;
    }
    int status = serve(&engine, script);
    ergon_probe_close(engine.probe);
    erg_buf_deinit(&engine.inbox);
    close(engine.fd);
    return status;
}
