/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_LISTEN_H
#define ERG_SERVER_LISTEN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* localhost is both of this machine's own addresses, else somebody else could answer on the other.
 */
enum { ERG_LISTENERS_MAX = 2 };

/*
 * Sockets that listen on an address ("localhost", "192.168.1.2", "::") and port (0 = any free one;
 * out_port is the one it got), close-on-exec and not blocking. BUSY when the port is taken.
 */
int erg_listen(const char *address, int port, int out_fds[ERG_LISTENERS_MAX], size_t *out_count,
               int *out_port, struct erg_err *err);

#endif
