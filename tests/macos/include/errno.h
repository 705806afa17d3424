/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_ERRNO_H
#define ERG_TESTS_MACOS_ERRNO_H

extern int *__error(void);
#define errno     (*__error())
#define EINTR     4
#define ETIMEDOUT 60

#endif
