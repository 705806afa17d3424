/* SPDX-License-Identifier: MIT */
/*
 * A back end for tests (GGML_BACKEND_PATH) that is no CPU and needs no hardware: ggml's RPC back
 * end, with its server on a thread of the same process and the CPU behind it. What it computes is
 * the CPU's to the bit, but its tensors are not in this process' memory, it takes no stamps and it
 * computes a cut graph piece by piece, like a GPU.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <ggml-backend.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef ggml_backend_reg_t (*add_server_function)(const char *endpoint);
typedef void (*start_server_function)(const char *endpoint, const char *cache_dir, size_t n_threads,
                                      size_t n_devices, ggml_backend_dev_t *devices);

enum { SERVER_THREADS = 1, ATTEMPTS = 5000, PAUSE_NS = 1000 * 1000 };

static struct {
    char endpoint[32];
    struct sockaddr_in address;
    start_server_function start;
} server;

/* A port that is free now. */
static bool choose_port(void)
{
    socklen_t len = sizeof(server.address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    server.address.sin_family = AF_INET;
    server.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool chosen = fd >= 0 && bind(fd, (struct sockaddr *)&server.address, len) == 0 &&
                  getsockname(fd, (struct sockaddr *)&server.address, &len) == 0;
    snprintf(server.endpoint, sizeof(server.endpoint), "127.0.0.1:%d",
             ntohs(server.address.sin_port));
    if (fd >= 0) {
        close(fd);
    }
    return chosen;
}

/* Of `library`, the function that `out_function` points to a pointer to; NULL when it has none. */
static void find_function(void *library, const char *name, void *out_function)
{
    void *found = dlsym(library, name);
    memcpy(out_function, &found, sizeof(found)); /* POSIX lets one be the other, ISO C does not */
}

static void *serve(void *unused)
{
    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    server.start(server.endpoint, NULL, SERVER_THREADS, 1, &cpu);
    return unused;
}

/* The server tells nobody when it listens. */
static bool wait_for_server(void)
{
    bool connected = false;
    for (int i = 0; i < ATTEMPTS && !connected; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        connected = connect(fd, (struct sockaddr *)&server.address, sizeof(server.address)) == 0;
        close(fd);
        if (!connected) {
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        }
    }
    return connected;
}

__attribute__((visibility("default"))) ggml_backend_reg_t ggml_backend_init(void);

ggml_backend_reg_t ggml_backend_init(void)
{
    pthread_t thread;
    add_server_function add;
    void *library = dlopen(ERGON_RPC_LIBRARY, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "device_rpc: %s\n", dlerror());
        return NULL;
    }
    find_function(library, "ggml_backend_rpc_add_server", &add);
    find_function(library, "ggml_backend_rpc_start_server", &server.start);
    if (!add || !server.start || !choose_port() ||
        pthread_create(&thread, NULL, serve, NULL) != 0) {
        return NULL;
    }
    return wait_for_server() ? add(server.endpoint) : NULL;
}
