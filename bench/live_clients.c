/* SPDX-License-Identifier: MIT */
#include "live_clients.h"

#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, HEAD = 14 };

/* A client that reads: frames come in pieces, of which only the beginning is looked at. */
struct client {
    int fd;
    unsigned char head[HEAD];
    size_t head_len;
    uint64_t left; /* of the payload */
    char start[64];
    size_t start_len;
};

struct process {
    int commands, count, deaf;
    struct live_counts *counts;
    struct client clients[LIVE_CLIENTS_MOST];
};

static void send_all(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            bench_fail("a client cannot send: %s", strerror(errno));
        text += n;
        len -= (size_t)n;
    }
}

/* Read the answer to the upgrade byte by byte: frames may follow it at once. */
static void await_upgrade(int fd)
{
    char head[1024];
    size_t len = 0;
    while (len < sizeof head - 1 && (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0)) {
        if (recv(fd, head + len, 1, 0) != 1)
            bench_fail("the server does not answer a client");
        len++;
    }
    head[len] = '\0';
    if (strncmp(head, "HTTP/1.1 101", 12) != 0)
        bench_fail("a client is refused: %s", head);
}

static int connect_one(int port)
{
    char request[400];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        bench_fail("a client cannot connect: %s", strerror(errno));
    snprintf(request, sizeof request,
             "GET /ws/profiling HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
             port);
    send_all(fd, request);
    await_upgrade(fd);
    return fd;
}

static void count_frame(struct process *process, int i)
{
    struct client *client = &process->clients[i];
    client->start[client->start_len] = '\0';
    process->counts->frames++;
    if (strstr(client->start, "\"type\":\"token_complete\""))
        process->counts->tokens[i]++;
    else if (strstr(client->start, "\"type\":\"inference_complete\""))
        process->counts->ends[i]++;
    else if (strstr(client->start, "\"type\":\"gap\""))
        process->counts->gaps++;
}

/* Length of a frame's payload once its head is whole; false until then. */
static bool parse_head(const struct client *client, uint64_t *out_len)
{
    size_t more = client->head_len < 2     ? 0
                  : client->head[1] == 126 ? 2
                  : client->head[1] == 127 ? 8
                                           : 0;
    if (client->head_len < 2 + more)
        return false;
    uint64_t len = more ? 0 : client->head[1];
    for (size_t i = 0; i < more; i++)
        len = len << 8 | client->head[2 + i];
    *out_len = len;
    return true;
}

static void take_bytes(struct process *process, int i, const char *bytes, size_t len)
{
    struct client *client = &process->clients[i];
    process->counts->bytes += (int64_t)len;
    while (len) {
        if (!client->left) {
            client->head[client->head_len++] = (unsigned char)*bytes++;
            len--;
            client->start_len = 0;
            if (!parse_head(client, &client->left))
                continue;
            client->head_len = 0;
        }
        size_t n = len < client->left ? len : (size_t)client->left;
        size_t room = sizeof client->start - 1 - client->start_len;
        memcpy(client->start + client->start_len, bytes, n < room ? n : room);
        client->start_len += n < room ? n : room;
        client->left -= n;
        bytes += n;
        len -= n;
        if (!client->left && client->start_len)
            count_frame(process, i);
    }
}

static void hang_up(struct process *process)
{
    for (int i = 0; i < process->count; i++) {
        if (process->clients[i].fd >= 0)
            close(process->clients[i].fd);
        process->clients[i] = (struct client){.fd = -1};
    }
    process->counts->connected = 0;
}

static void obey(struct process *process, int port)
{
    hang_up(process);
    if (!port)
        return;
    memset(process->counts, 0, sizeof *process->counts);
    for (int i = 0; i < process->count; i++)
        process->clients[i].fd = connect_one(port);
    process->counts->connected = process->count;
}

static void read_client(struct process *process, int i)
{
    static char bytes[CHUNK];
    ssize_t n = recv(process->clients[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) {
        take_bytes(process, i, bytes, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        process->counts->closed++;
        close(process->clients[i].fd);
        process->clients[i].fd = -1;
    }
}

static void be_clients(struct process *process)
{
    static struct pollfd fds[LIVE_CLIENTS_MOST + 1];
    int reading = process->count - process->deaf, port;
    fds[LIVE_CLIENTS_MOST] = (struct pollfd){.fd = process->commands, .events = POLLIN};
    for (;;) {
        for (int i = 0; i < LIVE_CLIENTS_MOST; i++)
            fds[i] =
                (struct pollfd){.fd = i < reading ? process->clients[i].fd : -1, .events = POLLIN};
        fds[LIVE_CLIENTS_MOST].revents = 0;
        poll(fds, LIVE_CLIENTS_MOST + 1, -1);
        for (int i = 0; i < reading; i++) {
            if (fds[i].revents)
                read_client(process, i);
        }
        if (!fds[LIVE_CLIENTS_MOST].revents)
            continue;
        if (read(process->commands, &port, sizeof port) != sizeof port)
            return;
        obey(process, port);
    }
}

void live_clients_start(struct live_clients *clients, int count, int deaf)
{
    static struct process process;
    int ends[2];
    void *shared = mmap(NULL, sizeof *clients->counts, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pipe(ends))
        bench_fail("cannot start clients: %s", strerror(errno));
    *clients = (struct live_clients){.commands = ends[1], .count = count, .counts = shared};
    clients->pid = fork();
    if (clients->pid == 0) {
        close(ends[1]);
        process = (struct process){ends[0], count, deaf, shared, {{0}}};
        for (int i = 0; i < LIVE_CLIENTS_MOST; i++)
            process.clients[i].fd = -1;
        be_clients(&process);
        _exit(0);
    }
    close(ends[0]);
    if (clients->pid < 0)
        bench_fail("cannot start clients: %s", strerror(errno));
}

static void command(struct live_clients *clients, int port, int until)
{
    if (write(clients->commands, &port, sizeof port) != sizeof port)
        bench_fail("the clients are gone");
    for (int looks = 0; clients->counts->connected != until; looks++) {
        if (looks == 6000 || waitpid(clients->pid, NULL, WNOHANG) != 0)
            bench_fail("the clients do not connect");
        poll(NULL, 0, 10);
    }
}

void live_clients_connect(struct live_clients *clients, int port)
{
    command(clients, port, clients->count);
}

void live_clients_hang_up(struct live_clients *clients)
{
    command(clients, 0, 0);
}

void live_clients_stop(struct live_clients *clients)
{
    close(clients->commands);
    waitpid(clients->pid, NULL, 0);
    munmap(clients->counts, sizeof *clients->counts);
}
