/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_LIMITS_H
#define ERG_BASE_LIMITS_H

/*
 * The ceiling of every growable thing, in one place. Reaching one is ERG_LIMIT (our own data) or
 * ERG_CORRUPT (data from outside), never an unbounded allocation.
 */
#define ERG_MAX_RECORD_BYTES    (64u << 20) /* one event-stream record */
#define ERG_MAX_SPANS_PER_PASS  65536u      /* (layer, component, operation) spans of a pass */
#define ERG_MAX_NAMES           4096u       /* interned names of one stream */
#define ERG_MAX_NAME_BYTES      128u        /* one interned name */
#define ERG_MAX_LAYERS          4096        /* transformer blocks */
#define ERG_MAX_HEADS           1024u       /* attention heads of a layer */
#define ERG_MAX_EXPERTS         4096u       /* experts of a layer */
#define ERG_MAX_SUM_ROWS        (1u << 18)  /* rows that a run is summed up in */
#define ERG_MAX_DETAIL_NUMBERS  (1u << 24)  /* attention statistics and expert choices of a pass */
#define ERG_MAX_TOKENS          (1u << 22)  /* tokens of one run */
#define ERG_MAX_TOKEN_BYTES     (1u << 20)  /* text of one token */
#define ERG_MAX_PROMPT_BYTES    (16u << 20) /* prompt text */
#define ERG_MAX_READINGS        (1u << 26)  /* energy readings of one timeline */
#define ERG_MAX_CHANNELS        256u        /* power channels of one run */
#define ERG_MAX_JSON_BYTES      (32u << 20) /* one JSON document we read */
#define ERG_MAX_TEXT_FILE_BYTES (1u << 20)  /* one /sys or /proc file */
#define ERG_MAX_BUF_BYTES       (1u << 30)  /* one struct erg_buf */
#define ERG_MAX_REPLAY_BYTES    (16u << 20) /* a replayed power trace */
#define ERG_MAX_WARNINGS        64u         /* warnings kept with a run */
#define ERG_MAX_TAGS            32u         /* tags of a run */
#define ERG_MAX_LABEL_BYTES     256         /* one tag, an experiment's name, given over HTTP */
#define ERG_MAX_PATH_BYTES      4096u

/* The server; docs/api.md names them too. */
#define ERG_MAX_REQUEST_LINE_BYTES 8192u
#define ERG_MAX_HEADER_BYTES       16384u     /* fields of a request together */
#define ERG_MAX_HEADER_FIELDS      64u        /* of a request */
#define ERG_MAX_REQUEST_BODY_BYTES (1u << 20) /* of a request */
#define ERG_MAX_HTTP_CONNECTIONS   64u        /* and requests being handled */
#define ERG_MAX_WEBSOCKETS         256u
#define ERG_MAX_WS_MESSAGE_BYTES   65536u       /* from a client */
#define ERG_MAX_WS_MESSAGES        1000u        /* from a client, in ten seconds */
#define ERG_MAX_ANSWER_AHEAD_BYTES (256u << 10) /* written by a handler, not yet taken */

#endif
