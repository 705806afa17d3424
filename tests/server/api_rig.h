/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_API_RIG_H
#define ERG_TESTS_API_RIG_H

#include "test.h"

#include "base/buf.h"
#include "server/api.h"
#include "store/temp_store.h"

#include <jansson.h>

/* The API without sockets: requests as text, answers collected. */
struct rig {
    struct temp_store temp;
    struct erg_api_options options;
    struct erg_model_dirs dirs;
    struct erg_root root;
    struct erg_api *api;
    json_t *document; /* openapi.json */
};

/* An answer; `status` 0 = none was begun. */
struct answer {
    int status;
    char fields[1024]; /* "name: value\n" … */
    struct erg_buf body;
    bool cut;
};

/* A store with the run of make_recording(), deep and with energies; RIG_RUN is its id. */
#define RIG_RUN "20261120-131843-0a1b2c"
void rig_open(struct rig *rig);
/* The store is somebody else's to fill, at rig->temp.path, before rig_start(); and so are those
 * options that rig_start() does not set. */
void rig_prepare(struct rig *rig);
void rig_start(struct rig *rig);
void rig_close(struct rig *rig);

/* `target`: path and query. `content_type` and `body` NULL = none. Free with answer_free(). */
void rig_send(struct rig *rig, enum erg_method method, const char *target, const char *content_type,
              const char *body, struct answer *out);
/* The same with If-None-Match or Accept. */
struct rig_head {
    const char *if_none_match, *accept;
};
void rig_send_with(struct rig *rig, enum erg_method method, const char *target,
                   const struct rig_head *head, const char *content_type, const char *body,
                   struct answer *out);
void answer_free(struct answer *answer);
/* Value of a field, "" = it is not there; `out` has room for 256 bytes. */
const char *answer_field(const struct answer *answer, const char *name, char out[256]);

/*
 * GET `target`, expect `status`, a body that is valid by the description of `pattern` and method,
 * and return it (json_decref()).
 */
json_t *rig_get(struct rig *rig, const char *pattern, const char *target, int status);
json_t *rig_ask(struct rig *rig, enum erg_method method, const char *pattern, const char *target,
                const char *body, int status);

/* A member that must be there. */
double number_at(const json_t *object, const char *key);
const char *text_at(const json_t *object, const char *key);
/* Millijoules of a member as nanojoules, exactly; 0 when it is null. */
int64_t nj_at(const json_t *object, const char *key);

#endif
