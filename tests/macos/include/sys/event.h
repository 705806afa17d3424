/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_SYS_EVENT_H
#define ERG_TESTS_MACOS_SYS_EVENT_H

#include <time.h>

struct kevent {
    uintptr_t ident;
    int16_t filter;
    uint16_t flags;
    uint32_t fflags;
    intptr_t data;
    void *udata;
};

#define EVFILT_PROC (-5)
#define EV_ADD      0x0001
#define EV_ONESHOT  0x0010
#define NOTE_EXIT   0x80000000

#define EV_SET(event, a, b, c, d, e, f)                                                            \
    do {                                                                                           \
        struct kevent *set_ = (event);                                                             \
        *set_ = (struct kevent){(a), (b), (c), (d), (e), (f)};                                     \
    } while (0)

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *out_events,
           int event_count, const struct timespec *timeout);

#endif
