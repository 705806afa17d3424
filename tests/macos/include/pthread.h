/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_PTHREAD_H
#define ERG_TESTS_MACOS_PTHREAD_H

#include <time.h>

typedef struct _opaque_pthread_t *pthread_t;
typedef struct {
    long opaque[8];
} pthread_attr_t, pthread_mutex_t, pthread_cond_t, pthread_condattr_t;

int pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *user);
int pthread_detach(pthread_t thread);
int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes);
int pthread_cond_timedwait_relative_np(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                       const struct timespec *span);

#endif
