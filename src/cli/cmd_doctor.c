/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/num.h"
#include "cli/ask.h"
#include "cli/doctor_fix.h"
#include "cli/doctor_power.h"
#include "cli/listing.h"
#include "power/capture.h"
#include "power/power.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENGINE_PATIENCE_MS = 5000 };

struct options {
    const char *engine;
    const char *capture;
    bool quick, measure, fix, unfix, yes;
};

static const struct erg_option options[] = {
    {.kind = ERG_OPT_STRING,
     .name = "engine",
     .value = "PATH",
     .help = "the engine program [ergon-llama beside this one]",
     .offset = offsetof(struct options, engine)},
    {.kind = ERG_OPT_FLAG,
     .name = "quick",
     .help = "only look at power sources, do not measure them",
     .offset = offsetof(struct options, quick)},
    {.kind = ERG_OPT_FLAG,
     .name = "measure",
     .help = "measure them below a --sysroot too, where they are files that stand still",
     .offset = offsetof(struct options, measure)},
    {.kind = ERG_OPT_FLAG,
     .name = "fix",
     .help = "give the permissions that are missing, after showing how and asking",
     .offset = offsetof(struct options, fix)},
    {.kind = ERG_OPT_FLAG,
     .name = "unfix",
     .help = "take them back: remove what --fix has installed",
     .offset = offsetof(struct options, unfix)},
    {.kind = ERG_OPT_FLAG,
     .letter = 'y',
     .name = "yes",
     .help = "do not ask",
     .offset = offsetof(struct options, yes)},
    {.kind = ERG_OPT_STRING,
     .name = "capture",
     .value = "DIR",
     .help = "copy what sensors' files hold into a new folder, for a bug report",
     .offset = offsetof(struct options, capture)},
    {.kind = ERG_OPT_HEADING},
};

/* Findings, as JSON or as text, one after the other. */
struct findings {
    struct erg_cli *cli;
    struct erg_jsonw w;
    struct erg_buf json;
    struct erg_buf text;
    bool power_ready; /* something gives energies … */
    bool has_sensor;  /* … and it is no model */
    bool negative;    /* something that is needed does not work */
};

static void line(struct findings *f, const char *state, const char *name, const char *what,
                 const char *remedy)
{
    erg_doctor_put_line(&f->cli->term, state, name, what, remedy, &f->text);
}

static void finding(struct findings *f, const char *state, const char *what, const char *remedy)
{
    erg_jsonw_kstr(&f->w, "state", state);
    erg_jsonw_kstr(&f->w, "reason", what);
    erg_jsonw_kstr(&f->w, "remedy", remedy && *remedy ? remedy : NULL);
}

/* A source that opens and does not work is broken, whatever its probe has said. */
static bool measure(struct findings *f, size_t i, const struct erg_root *root,
                    struct erg_power_probe *probe, struct erg_character *out)
{
    const struct options *o = f->cli->options;
    struct erg_err err = {0};
    if (o->quick || (root->prefix[0] && !o->measure) || probe->state != ERG_POWER_READY)
        return false;
    if (f->cli->term.err_is_terminal && !f->cli->globals.quiet)
        fprintf(stderr, "\r\033[Kmeasuring %s", probe->name);
    int rc = erg_doctor_measure(i, root, out, &err);
    if (f->cli->term.err_is_terminal && !f->cli->globals.quiet)
        fputs("\r\033[K", stderr);
    if (rc == ERG_UNSUPPORTED)
        return false;
    if (rc || out->broken) {
        probe->state = ERG_POWER_BROKEN;
        snprintf(probe->reason, sizeof probe->reason, "%.190s", rc ? err.text : out->reason);
    }
    return rc == 0;
}

static void check_source(struct findings *f, size_t i, const struct erg_root *root,
                         struct erg_power_probe *probe)
{
    struct erg_character character = {0};
    bool measured = measure(f, i, root, probe, &character);
    const char *state = erg_power_state_name(probe->state);
    erg_jsonw_obj_begin(&f->w);
    erg_jsonw_kstr(&f->w, "name", probe->name);
    erg_jsonw_kstr(&f->w, "summary", probe->summary);
    finding(f, state, probe->reason, probe->remedy);
    erg_doctor_put_json(measured ? &character : NULL, &f->w);
    erg_jsonw_obj_end(&f->w);
    line(f, state, probe->name, probe->reason[0] ? probe->reason : probe->summary, probe->remedy);
    if (measured)
        erg_doctor_put_text(&character, &f->cli->term, &f->text);
    f->power_ready |= probe->state == ERG_POWER_READY;
    f->has_sensor |= probe->state == ERG_POWER_READY && strcmp(probe->name, "estimate") != 0;
    erg_character_deinit(&character);
}

static void check_power(struct findings *f, const struct erg_root *root)
{
    struct erg_power_probe probe;
    erg_jsonw_key(&f->w, "power");
    erg_jsonw_arr_begin(&f->w);
    erg_buf_puts(&f->text, "Power sources\n");
    for (size_t i = 0; erg_power_probe(i, root, &probe); i++)
        check_source(f, i, root, &probe);
    erg_jsonw_arr_end(&f->w);
    const char *explanation = f->has_sensor    ? NULL
                              : f->power_ready ? erg_doctor_no_sensor
                                               : erg_doctor_no_energy;
    erg_jsonw_kbool(&f->w, "has_sensor", f->has_sensor);
    erg_jsonw_kstr(&f->w, "explanation", explanation);
    erg_jsonw_kstr(&f->w, "real_joules", explanation ? erg_doctor_real_joules : NULL);
    if (explanation)
        erg_buf_printf(&f->text, "\n%s%s", explanation, erg_doctor_real_joules);
    f->negative |= !f->power_ready;
}

/* Is it a program, and does it say what it is? */
static const char *ask_engine(const char *path, char *out, size_t out_bytes, struct erg_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        erg_fail(err, ERG_NOT_FOUND, "%s does not exist", path);
        return "absent";
    }
    if (access(path, X_OK) != 0) {
        erg_fail(err, ERG_DENIED, "%s is no program", path);
        return "denied";
    }
    return erg_ask_program(path, "--version", ENGINE_PATIENCE_MS, out, out_bytes, err) ? "broken"
                                                                                       : "ready";
}

static void check_engine(struct findings *f)
{
    const struct options *o = f->cli->options;
    char path[ERG_MAX_PATH_BYTES + 16], version[200] = "", what[ERG_MAX_PATH_BYTES + 256];
    struct erg_err err = {0};
    snprintf(path, sizeof path, "%s%s", o->engine ? o->engine : f->cli->program_dir,
             o->engine ? "" : "/ergon-llama");
    const char *state = ask_engine(path, version, sizeof version, &err);
    bool good = strcmp(state, "ready") == 0;
    const char *remedy = good                           ? ""
                         : strcmp(state, "absent") == 0 ? "build it, or name one with --engine"
                         : strcmp(state, "denied") == 0 ? "make the file executable"
                                                        : "build it again, or reinstall ergon";
    snprintf(what, sizeof what, "%s", good ? version : err.text);
    erg_jsonw_key(&f->w, "engine");
    erg_jsonw_obj_begin(&f->w);
    erg_jsonw_kstr(&f->w, "path", path);
    erg_jsonw_kstr(&f->w, "version", good ? version : NULL);
    finding(f, state, what, remedy);
    erg_jsonw_obj_end(&f->w);
    erg_buf_printf(&f->text, "\nEngine %s\n", path);
    line(f, state, "", what, remedy);
    f->negative |= !good;
}

static void describe_health(const struct erg_store_health *health, char *out, size_t out_bytes)
{
    char size[32], room[32];
    erg_format_bytes((uint64_t)health->file_bytes, size, sizeof size);
    erg_format_bytes((uint64_t)health->free_bytes, room, sizeof room);
    if (health->integrity_ok)
        snprintf(out, out_bytes, "%lld run%s, %s, %s free", (long long)health->runs,
                 health->runs == 1 ? "" : "s", size, room);
    else
        snprintf(out, out_bytes, "damaged: %s", health->integrity);
}

static void put_health(struct findings *f, const struct erg_store_health *health)
{
    erg_jsonw_kint(&f->w, "schema_version", health->schema_version);
    erg_jsonw_kint(&f->w, "runs", health->runs);
    erg_jsonw_kint(&f->w, "file_bytes", health->file_bytes);
    erg_jsonw_kint(&f->w, "free_bytes", health->free_bytes);
    erg_jsonw_kstr(&f->w, "integrity", health->integrity);
}

static void check_store(struct findings *f)
{
    char path[ERG_MAX_PATH_BYTES] = "", what[512];
    struct erg_store *store = NULL;
    struct erg_store_health health;
    struct erg_err err = {0};
    const char *state = "ready", *remedy = "";
    int rc = erg_cli_store_path(f->cli, path, sizeof path, &err);
    erg_jsonw_key(&f->w, "store");
    erg_jsonw_obj_begin(&f->w);
    erg_jsonw_kstr(&f->w, "path", path);
    if (!rc)
        rc = erg_store_open(&store, path, ERG_STORE_READ, NULL, &err);
    if (!rc)
        rc = erg_store_health(store, &health, &err);
    if (!rc) {
        describe_health(&health, what, sizeof what);
        put_health(f, &health);
        state = health.integrity_ok ? "ready" : "broken";
        remedy = health.integrity_ok ? "" : "move the file away; what can be read can be exported";
    } else {
        bool fresh = rc == ERG_NOT_FOUND && *path;
        snprintf(what, sizeof what, "%s", fresh ? "none yet: the first run makes it" : err.text);
        state = fresh ? "ready" : rc == ERG_DENIED ? "denied" : "broken";
    }
    erg_store_close(store);
    finding(f, state, what, remedy);
    erg_jsonw_obj_end(&f->w);
    erg_buf_printf(&f->text, "\nStore %s\n", path);
    line(f, state, "", what, remedy);
    f->negative |= strcmp(state, "ready") != 0;
}

static void check_models(struct findings *f)
{
    struct erg_model_dirs dirs;
    struct erg_model_list list;
    struct erg_err err = {0};
    erg_jsonw_key(&f->w, "models");
    erg_jsonw_arr_begin(&f->w);
    erg_buf_puts(&f->text, "\nModels folders\n");
    int rc = erg_cli_model_dirs(f->cli, &dirs, &err);
    for (size_t i = 0; !rc && i < dirs.count; i++) {
        struct erg_model_dirs one = {.count = 1};
        struct stat st;
        char what[ERG_MAX_PATH_BYTES + 64];
        memcpy(one.path[0], dirs.path[i], sizeof one.path[0]);
        bool there = stat(dirs.path[i], &st) == 0 && S_ISDIR(st.st_mode);
        size_t count = 0;
        if (erg_model_discover(&one, &list, NULL) == 0) {
            count = list.count;
            erg_model_list_deinit(&list);
        }
        snprintf(what, sizeof what, "%s: %zu model%s", dirs.path[i], count, count == 1 ? "" : "s");
        line(f, there ? "ready" : "absent", "", there ? what : dirs.path[i], NULL);
        erg_jsonw_obj_begin(&f->w);
        erg_jsonw_kstr(&f->w, "path", dirs.path[i]);
        erg_jsonw_kstr(&f->w, "state", there ? "ready" : "absent");
        erg_jsonw_kint(&f->w, "models", (int64_t)count);
        erg_jsonw_obj_end(&f->w);
    }
    if (rc)
        line(f, "broken", "", err.text, NULL);
    erg_jsonw_arr_end(&f->w);
}

static int capture(struct erg_cli *cli, const struct erg_root *root, const char *folder)
{
    struct erg_err err = {0};
    size_t count = 0;
    if (erg_capture(root, folder, &count, &err))
        return erg_cli_fail(cli, &err);
    erg_cli_note(cli,
                 "%zu files in '%s'; serial numbers, addresses and names of users are left out.\n"
                 "Look through them before you give them to others.",
                 count, folder);
    return ERG_EXIT_OK;
}

static int run(struct erg_cli *cli)
{
    struct findings f = {.cli = cli};
    struct erg_root root;
    const struct options *o = cli->options;
    struct erg_err err = {0};
    if (o->fix && o->unfix)
        return erg_cli_usage(cli, "--fix and --unfix exclude each other");
    if (o->fix || o->unfix)
        return erg_doctor_fix(cli, o->unfix, o->yes);
    if (erg_cli_root(cli, &root, &err))
        return erg_cli_fail(cli, &err);
    if (o->capture)
        return capture(cli, &root, o->capture);
    erg_jsonw_init(&f.w, &f.json);
    f.w.pretty = true;
    erg_jsonw_obj_begin(&f.w);
    check_power(&f, &root);
    check_engine(&f);
    check_store(&f);
    check_models(&f);
    erg_jsonw_kbool(&f.w, "ready", !f.negative);
    erg_jsonw_obj_end(&f.w);
    erg_buf_putc(&f.json, '\n');
    int status = erg_cli_put(cli, cli->globals.json ? &f.json : &f.text);
    erg_buf_deinit(&f.json);
    erg_buf_deinit(&f.text);
    return status ? status : f.negative ? ERG_EXIT_NEGATIVE : ERG_EXIT_OK;
}

const struct erg_command erg_cmd_doctor = {
    .name = "doctor",
    .summary = "what of this machine can be used, and what to do about the rest",
    .usage = "[options]",
    .description =
        "Look at every power source, the engine, the store and the models folders; say\n"
        "what works, why the rest does not, and what to do about it. Ready power sources\n"
        "are read for about a second each, without and under load: how often they change,\n"
        "what a read costs, and whether they notice. Exit status 1 when something needed\n"
        "is missing.",
    .options = options,
    .options_bytes = sizeof(struct options),
    .run = run,
};
