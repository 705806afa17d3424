/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/system.h"
#include "cli/serve_start.h"
#include "power/power.h"
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIELD(name) .offset = offsetof(struct options, name)
#define NS_PER_S    INT64_C(1000000000)

enum { PORT = 8000, TOKEN_BYTES = 16 };

struct options {
    const char *host, *token, *power, *cpu_watts, *log_file, *engine;
    int64_t port, keep_ns;
    struct erg_string_list allowed_hosts;
    bool open;
};

static const struct options defaults = {.host = "localhost", .port = PORT};

static const struct erg_option options[] = {
    {.kind = ERG_OPT_STRING,
     .name = "host",
     .value = "ADDRESS",
     .help = "address to serve at; another than the machine's own needs a token [localhost]",
     FIELD(host)},
    {.kind = ERG_OPT_INT,
     .name = "port",
     .value = "N",
     .max = 65535,
     .help = "0 = any free one [8000]",
     FIELD(port)},
    {.kind = ERG_OPT_STRING,
     .name = "token",
     .value = "TEXT",
     .help = "ask clients for this; 'new' makes one [$ERGON_TOKEN]",
     FIELD(token)},
    {.kind = ERG_OPT_LIST,
     .name = "allow-host",
     .value = "NAME",
     .max = 32,
     .help = "answer to this name too, behind a proxy; may be repeated",
     FIELD(allowed_hosts)},
    {.kind = ERG_OPT_FLAG,
     .name = "open",
     .help = "show the dashboard in the browser",
     FIELD(open)},
    {.kind = ERG_OPT_STRING,
     .name = "power",
     .value = "SPEC",
     .help = "power sources of runs that name none, as of 'ergon run' [auto]",
     FIELD(power)},
    {.kind = ERG_OPT_STRING,
     .name = "cpu-watts",
     .value = "IDLE:FULL",
     .help = "what the estimate takes the CPUs to draw, in watts [by model]",
     FIELD(cpu_watts)},
    {.kind = ERG_OPT_DURATION,
     .name = "keep",
     .value = "TIME",
     .min = NS_PER_S,
     .max = INT64_C(36500) * 86400 * NS_PER_S,
     .help = "remove runs that are older, such as 30d [keep all]",
     FIELD(keep_ns)},
    {.kind = ERG_OPT_STRING,
     .name = "engine",
     .value = "PATH",
     .help = "the engine program [ergon-llama beside this one]",
     FIELD(engine)},
    {.kind = ERG_OPT_STRING,
     .name = "log-file",
     .value = "FILE",
     .help = "append a line for each request",
     FIELD(log_file)},
    {.kind = ERG_OPT_HEADING},
};

/* Signals that end it: they are blocked in every thread, and one waits for them. */
struct signals {
    sigset_t set, before;
    pthread_t thread;
    struct erg_server *server;
};

/* What nohup or a shell's background has switched off stays off. */
static void block_signals(struct signals *signals)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(&signals->set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&signals->set, numbers[i]);
    }
    sigaddset(&signals->set, SIGUSR1); /* the server has ended by itself */
    pthread_sigmask(SIG_BLOCK, &signals->set, &signals->before);
}

static void *wait_for_signal(void *user)
{
    struct signals *signals = user;
    int number;
    sigwait(&signals->set, &number);
    erg_server_stop(signals->server);
    return NULL;
}

/* Serve until a signal comes; the second one then finds the default action. */
static int serve_until_signal(struct signals *signals, struct erg_server *server,
                              struct erg_err *err)
{
    signals->server = server;
    int failure = pthread_create(&signals->thread, NULL, wait_for_signal, signals);
    if (failure)
        return erg_fail_errno(err, failure, "cannot start a thread");
    int rc = erg_server_run(server, err);
    pthread_kill(signals->thread, SIGUSR1);
    pthread_join(signals->thread, NULL);
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
    return rc;
}

/* What a server needs, and what is printed of it. */
struct serve {
    struct erg_cli *cli;
    struct erg_root root;
    struct erg_model_dirs model_dirs;
    char store_path[ERG_MAX_PATH_BYTES];
    char new_token[2 * TOKEN_BYTES + 1];
    const char *token;
    int64_t cpu_idle_mw, cpu_full_mw;
    FILE *log;
    struct signals signals;
    struct erg_server *server;
};

static void on_request(void *user, const char *line)
{
    struct serve *serve = user;
    char now[40];
    const struct erg_clock *clock = erg_clock_system();
    erg_format_local_time(clock->wall_ns(clock->user), now);
    fprintf(serve->log, "%s %s\n", now, line);
    fflush(serve->log);
}

static void on_note(void *user, const char *line)
{
    struct serve *serve = user;
    erg_cli_note(serve->cli, "%s", line);
}

static int choose_token(struct serve *serve, struct erg_err *err)
{
    static const char digits[] = "0123456789abcdef";
    const struct options *o = serve->cli->options;
    unsigned char random[TOKEN_BYTES];
    serve->token = o->token ? o->token : getenv("ERGON_TOKEN");
    if (!serve->token || strcmp(serve->token, "new") != 0)
        return 0;
    if (!erg_system_random(random, sizeof random))
        return erg_fail(err, ERG_IO, "the system has no random numbers yet");
    for (size_t i = 0; i < sizeof random; i++) {
        serve->new_token[2 * i] = digits[random[i] >> 4];
        serve->new_token[2 * i + 1] = digits[random[i] & 15];
    }
    serve->token = serve->new_token;
    return 0;
}

static int open_log(struct serve *serve, struct erg_err *err)
{
    const struct options *o = serve->cli->options;
    if (!o->log_file)
        return 0;
    int fd = erg_open_file(o->log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    serve->log = fd >= 0 ? fdopen(fd, "a") : NULL;
    return serve->log ? 0 : erg_fail_errno(err, errno, "cannot write to '%.200s'", o->log_file);
}

/* Would the specification do? "auto" always does. */
static int try_power(struct serve *serve, bool *out_unusable, struct erg_err *err)
{
    const struct options *o = serve->cli->options;
    struct erg_power *power = NULL;
    if (o->cpu_watts &&
        erg_power_parse_watts(o->cpu_watts, &serve->cpu_idle_mw, &serve->cpu_full_mw, err)) {
        erg_err_prefix(err, "--cpu-watts");
        return ERG_INVALID;
    }
    const struct erg_power_options power_options = {
        .spec = o->power, .root = &serve->root, .clock = erg_clock_system(), .allow_files = true};
    if (!o->power)
        return 0;
    int rc = erg_power_open(&power, &power_options, out_unusable, err);
    erg_power_close(power);
    return rc;
}

static int prepare(struct serve *serve, bool *out_unusable, struct erg_err *err)
{
    struct erg_cli *cli = serve->cli;
    int rc = erg_cli_root(cli, &serve->root, err);
    if (rc == 0)
        rc = erg_cli_model_dirs(cli, &serve->model_dirs, err);
    if (rc == 0)
        rc = erg_cli_store_path(cli, serve->store_path, sizeof serve->store_path, err);
    if (rc == 0)
        rc = try_power(serve, out_unusable, err);
    if (rc == 0)
        rc = choose_token(serve, err);
    return rc ? rc : open_log(serve, err);
}

static int open_server(struct serve *serve, struct erg_err *err)
{
    const struct options *o = serve->cli->options;
    const struct erg_server_options server_options = {
        .host = o->host,
        .port = (int)o->port,
        .token = serve->token,
        .allowed_hosts = o->allowed_hosts.items,
        .allowed_host_count = o->allowed_hosts.count,
        .store_path = serve->store_path,
        .engine_path = o->engine,
        .power_spec = o->power,
        .cpu_idle_mw = serve->cpu_idle_mw,
        .cpu_full_mw = serve->cpu_full_mw,
        .keep_ns = o->keep_ns,
        .model_dirs = &serve->model_dirs,
        .root = &serve->root,
        .clock = erg_clock_system(),
        .user = serve,
        .log = serve->log ? on_request : NULL,
        .note = on_note,
    };
    return erg_server_open(&serve->server, &server_options, err);
}

/* In a process of its own that nobody has to wait for, and that writes nothing here. */
static void open_browser(const struct erg_cli *cli, const char *url)
{
    const char *program = erg_system_url_opener();
    pid_t pid = fork();
    if (pid == 0) {
        int null_fd = erg_open_file("/dev/null", O_RDWR, 0);
        dup2(null_fd, 0);
        dup2(null_fd, 1);
        dup2(null_fd, 2);
        setsid();
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (fork() == 0)
            execlp(program, program, url, (char *)NULL);
        _exit(0);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    else
        erg_cli_note(cli, "cannot start a browser");
}

/* On a machine without a screen, or without a way to open anything, there is none to open. */
static bool has_browser(void)
{
    bool has_screen = strcmp(erg_system_url_opener(), "open") == 0 || getenv("DISPLAY") ||
                      getenv("WAYLAND_DISPLAY") || getenv("BROWSER");
    const char *path = getenv("PATH");
    while (has_screen && path && *path) {
        char name[ERG_MAX_PATH_BYTES];
        size_t len = strcspn(path, ":");
        snprintf(name, sizeof name, "%.*s/%s", (int)len, path, erg_system_url_opener());
        if (access(name, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

static int serve_all(struct serve *serve, struct erg_err *err)
{
    struct erg_cli *cli = serve->cli;
    const struct options *o = cli->options;
    const struct erg_serve_start start = {
        .host = o->host,
        .token = serve->token,
        .port = erg_server_port(serve->server),
        .store_path = serve->store_path,
        .model_dirs = &serve->model_dirs,
        .root = &serve->root,
        .has_dashboard = erg_server_has_dashboard(serve->server),
    };
    char url[1024];
    erg_serve_url(&start, url, sizeof url);
    int status = erg_serve_print_start(cli, &start);
    if (o->open && has_browser())
        open_browser(cli, url);
    else if (o->open)
        erg_cli_note(cli, "there is no browser to open here; the address is above");
    if (status == ERG_EXIT_OK && serve_until_signal(&serve->signals, serve->server, err))
        status = erg_cli_fail(cli, err);
    return status;
}

static int run(struct erg_cli *cli)
{
    struct serve serve = {.cli = cli};
    struct erg_err err = {0};
    bool unusable = false;
    int rc = prepare(&serve, &unusable, &err);
    block_signals(&serve.signals);
    if (rc == 0)
        rc = open_server(&serve, &err);
    int status = rc ? erg_cli_fail(cli, &err) : serve_all(&serve, &err);
    erg_server_close(serve.server);
    if (serve.log)
        fclose(serve.log);
    return unusable ? ERG_EXIT_POWER : status;
}

const struct erg_command erg_cmd_serve = {
    .name = "serve",
    .summary = "dashboard and API, for browsers and scripts",
    .usage = "[options]",
    .description =
        "Serve the dashboard, the API and the live stream at http://127.0.0.1:8000 until\n"
        "Ctrl-C. Only this machine can reach it, and no page of another origin. With a\n"
        "token, which another address needs, the dashboard's address contains it and\n"
        "scripts send it as 'Authorization: Bearer TOKEN'.\n\n"
        "  ergon serve --open\n"
        "  curl http://127.0.0.1:8000/api/profiling/runs",
    .options = options,
    .options_bytes = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
