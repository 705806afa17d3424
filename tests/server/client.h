/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_SERVER_CLIENT_H
#define ERG_TESTS_SERVER_CLIENT_H

#include "test.h"

#include <stdbool.h>

/*
 * A client that sends exactly the bytes it is told to, over loopback, and reads answers. Everything
 * waits with a deadline of 30 s and fails the test then.
 */
struct client {
    int fd;
    char *in; /* received, not yet looked at; NUL-terminated */
    size_t in_len;
    bool has_ended; /* the server does not send any more */
};

struct reply {
    int status; /* 0 = the connection ended without an answer */
    char *head; /* status line and fields, with the empty line */
    char *body; /* chunks put together; NUL-terminated */
    size_t body_len;
    bool is_whole; /* as long as promised */
};

void client_open(struct client *client, int port);
/* Of an end of a socket pair. */
void client_attach(struct client *client, int fd);
void client_close(struct client *client);
/* Closing with a reset, not in good order. */
void client_reset(struct client *client);
void client_end(struct client *client); /* for writing */

/* Everything; false when the server has closed meanwhile. */
bool client_send(struct client *client, const void *bytes, size_t len);
bool client_puts(struct client *client, const char *text);
/* Receive more; false at the end. */
bool client_receive(struct client *client);

/* The next answer; `is_head`: to a HEAD. */
struct reply client_reply(struct client *client, bool is_head);
void reply_free(struct reply *reply);
/* Value of a field, lower case name; NULL = absent. One of 8 static buffers. */
const char *reply_field(const struct reply *reply, const char *name);

/* Send one request on a connection of its own, and get its answer. */
struct reply ask(int port, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Only its status, 0 = none. */
int ask_status(int port, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True when nothing more comes and the connection is closed. */
bool client_sees_end(struct client *client);

/* A WebSocket: true when the upgrade was answered with 101. `fields` end in CR LF each. */
bool client_upgrade(struct client *client, const char *path, int port, const char *fields);
/* A masked frame with its first byte (FIN and opcode) as given. */
bool client_frame(struct client *client, int first_byte, const void *payload, size_t len);

struct frame {
    int first_byte; /* -1 = the connection has ended */
    char *payload;  /* NUL-terminated; free() it */
    size_t len;
};

/* The next frame, of control too. */
struct frame client_next_frame(struct client *client);
/* Code of the next close frame; 0 when the connection ends without one. */
int client_close_code(struct client *client);

#endif
