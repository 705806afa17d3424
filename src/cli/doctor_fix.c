/* SPDX-License-Identifier: MIT */
#include "cli/doctor_fix.h"

#include "power/fix.h"
#include "power/power.h"

#include <errno.h>
#include <pwd.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What it prints is for the user; a program that is not there is a failure like any other. */
static int run_program(void *user, const char *const *argv, struct erg_err *err)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    (void)user;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return erg_fail_errno(err, failed, "cannot run '%s'", argv[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return erg_fail(err, ERG_INVALID, "'%s' failed", argv[0]);
    return 0;
}

/* Who is to be permitted: who called sudo, else who this is. */
static const char *user_name(void)
{
    const char *name = getenv("SUDO_USER");
    if (name && *name && geteuid() == 0)
        return name;
    const struct passwd *entry = getpwuid(getuid());
    return entry ? entry->pw_name : "";
}

static bool ask(const struct erg_cli *cli, bool yes)
{
    char answer[16] = "";
    if (yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        erg_cli_note(cli, "nothing is changed: give --yes where nobody can be asked");
        return false;
    }
    fputs("Make this change? [y/N] ", stderr);
    fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* What the source says now. */
static void look_again(const char *name, const struct erg_root *root, struct erg_buf *out)
{
    struct erg_power_probe probe;
    for (size_t i = 0; erg_power_probe(i, root, &probe); i++) {
        if (strcmp(probe.name, name) == 0)
            erg_buf_printf(out, "%s is now %s: %s\n", name, erg_power_state_name(probe.state),
                           probe.reason);
    }
}

static int show(const struct erg_cli *cli, const struct erg_fix *fix, const struct erg_root *root,
                const char *user, bool undo, struct erg_err *err)
{
    struct erg_buf text = {0};
    erg_buf_printf(&text, "%s: %s\n", fix->name, fix->purpose);
    int rc = erg_fix_show(fix, root, user, undo, &text, err);
    if (rc == 0)
        rc = erg_buf_status(&text) ? erg_fail(err, ERG_NOMEM, "out of memory") : 0;
    if (rc == 0 && erg_cli_put(cli, &text))
        rc = erg_fail(err, ERG_IO, "the change cannot be shown");
    erg_buf_deinit(&text);
    return rc;
}

/* One remedy; CANCELLED when the user does not want it. */
static int treat(struct erg_cli *cli, const struct erg_fix *fix, const struct erg_root *root,
                 bool undo, bool yes, struct erg_err *err)
{
    const char *user = user_name();
    struct erg_buf text = {0};
    int rc = show(cli, fix, root, user, undo, err);
    if (rc)
        return rc;
    if (!root->prefix[0] && geteuid() != 0)
        return erg_fail(err, ERG_DENIED, "this takes root: sudo ergon doctor %s",
                        undo ? "--unfix" : "--fix");
    if (!ask(cli, yes))
        return ERG_CANCELLED;
    rc = undo ? erg_fix_undo(fix, root, user, run_program, NULL, err)
              : erg_fix_apply(fix, root, user, run_program, NULL, err);
    if (rc)
        return rc;
    erg_buf_printf(&text, "%s %s\n", undo ? "removed" : "installed", fix->path);
    look_again(fix->name, root, &text);
    erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return 0;
}

/* Is there anything to do for it? */
static int is_due(const struct erg_fix *fix, const struct erg_root *root, bool undo, bool *out,
                  struct erg_err *err)
{
    enum erg_fix_state state;
    *out = false;
    if (!undo && !erg_fix_applies(fix, root))
        return 0;
    int rc = erg_fix_look(fix, root, user_name(), &state, err);
    if (undo && rc == ERG_NOT_FOUND)
        return 0;
    *out = rc == 0 && (undo ? state != ERG_FIX_ABSENT : state != ERG_FIX_PRESENT);
    return rc;
}

int erg_doctor_fix(struct erg_cli *cli, bool undo, bool yes)
{
    struct erg_root root;
    struct erg_err err = {0};
    int status = ERG_EXIT_OK;
    size_t due = 0;
    if (erg_cli_root(cli, &root, &err))
        return erg_cli_fail(cli, &err);
    for (size_t i = 0; erg_fix_at(i); i++) {
        bool wanted;
        int rc = is_due(erg_fix_at(i), &root, undo, &wanted, &err);
        due += wanted;
        if (rc == 0 && wanted)
            rc = treat(cli, erg_fix_at(i), &root, undo, yes, &err);
        if (rc == ERG_CANCELLED)
            status = ERG_EXIT_NEGATIVE;
        else if (rc)
            status = erg_cli_fail(cli, &err);
    }
    if (!due && status == ERG_EXIT_OK)
        erg_cli_note(cli, undo ? "nothing of ours is installed"
                               : "nothing to change: no permission is missing that could be given");
    return status;
}
