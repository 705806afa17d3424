/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_DLFCN_H
#define ERG_TESTS_MACOS_DLFCN_H

#define RTLD_NOW   2
#define RTLD_LOCAL 4

void *dlopen(const char *path, int mode);
void *dlsym(void *handle, const char *symbol);
int dlclose(void *handle);

#endif
