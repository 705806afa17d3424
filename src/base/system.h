/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_SYSTEM_H
#define ERG_BASE_SYSTEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * What every operating system does in its own way: system_linux.c and system_macos.c, of which
 * CMake compiles one. Anything else in src/ is the same on all of them.
 */

/* The clock of the event stream: CLOCK_MONOTONIC, CLOCK_UPTIME_RAW on macOS. */
int64_t erg_system_now_ns(void);

/* Length of the path of the running program, written to `out`; -1 when it cannot be told. */
ssize_t erg_system_program_path(char *out, size_t out_bytes);

/* pipe() and a pair of stream sockets, both close-on-exec; -1 and errno. */
int erg_system_pipe(int out_fds[2]);
int erg_system_socketpair(int out_fds[2]);

/* accept(), close-on-exec and not blocking; -1 and errno. */
int erg_system_accept(int listening_fd);

/*
 * A condition that can be waited for until a time of erg_system_now_ns(): 0 when it may be true,
 * ETIMEDOUT, or another errno value. Setting the wall clock changes nothing.
 */
int erg_system_cond_init(pthread_cond_t *cond);
int erg_system_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ns);

/* False when there is no randomness to be had at once. */
bool erg_system_random(void *out, size_t bytes);

/* strerror() into a buffer. */
void erg_system_errno_text(int sys_errno, char *out, size_t out_bytes);

/* When the contents of a file last changed, since 1970. */
int64_t erg_system_modified_ns(const struct stat *st);

/* CPU time of a process, all its threads; -1 when it is not known. */
int64_t erg_system_process_ns(pid_t pid);

/* Memory a process has resident; 0 when it is not known. */
uint64_t erg_system_process_rss_bytes(pid_t pid);

/* CPUs this process may run on; -1 when it is not known. */
int erg_system_allowed_cpus(void);

/* The name process lists show for this process, where it can be chosen. */
void erg_system_name_process(const char *name);

/* The program that shows an address in the user's browser. */
const char *erg_system_url_opener(void);

/* From now on this process is killed when its parent ends, however that ends. */
void erg_system_die_with_parent(void);

/*
 * What stands in /proc/stat, /proc/meminfo, /proc/cpuinfo or /etc/os-release, in the words of
 * Linux, where there are no such files: one reader then serves every system. UNSUPPORTED where the
 * files are to be read, NOT_FOUND for others.
 */
int erg_system_text(const char *path, char *out, size_t out_bytes);

#endif
