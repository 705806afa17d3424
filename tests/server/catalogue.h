/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_SERVER_CATALOGUE_H
#define ERG_TESTS_SERVER_CATALOGUE_H

/*
 * Requests and frames of people who mean harm, or do not know better, against a server on
 * 127.0.0.1:port without a token that answers GET /healthz with 200 and has a WebSocket at
 * `ws_path`. After each the server is still there for others.
 */
void catalogue_hosts(int port);
void catalogue_origins(int port, const char *ws_path);
void catalogue_paths(int port);
void catalogue_lengths(int port);
void catalogue_smuggling(int port);
void catalogue_parser(int port);
void catalogue_truncation(int port);
void catalogue_crowds(int port);
void catalogue_handshakes(int port, const char *ws_path);
void catalogue_frames(int port, const char *ws_path);

/* GET /healthz is answered with 200. */
void catalogue_is_alive(int port);

#endif
