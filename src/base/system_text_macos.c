/* SPDX-License-Identifier: MIT */
#include "base/err.h"
#include "base/system.h"

#include <mach/mach.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysctl.h>
#include <unistd.h>

static int cut(int len, size_t out_bytes)
{
    return len < 0 || (size_t)len >= out_bytes ? ERG_LIMIT : 0;
}

/* A text of sysctl, "" when there is none. */
static void text_of(const char *name, char *out, size_t out_bytes)
{
    size_t len = out_bytes - 1;
    if (sysctlbyname(name, out, &len, NULL, 0))
        len = 0;
    out[len < out_bytes ? len : out_bytes - 1] = '\0';
}

/*
 * CPU time of all processors in ticks of 1/100 s: user, nice, system, idle. The sums are of 32 bits
 * each and begin anew after a year of one processor; a difference across that is not used.
 */
static int stat_text(char *out, size_t out_bytes)
{
    host_cpu_load_info_data_t load;
    mach_msg_type_number_t count = HOST_CPU_LOAD_INFO_COUNT;
    mach_port_t host = mach_host_self();
    kern_return_t rc = host_statistics(host, HOST_CPU_LOAD_INFO, (host_info_t)&load, &count);
    mach_port_deallocate(mach_task_self(), host);
    if (rc != KERN_SUCCESS)
        return ERG_IO;
    int len = snprintf(out, out_bytes, "cpu  %u %u %u %u\n", load.cpu_ticks[CPU_STATE_USER],
                       load.cpu_ticks[CPU_STATE_NICE], load.cpu_ticks[CPU_STATE_SYSTEM],
                       load.cpu_ticks[CPU_STATE_IDLE]);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    for (long i = 0; i < cpus && len >= 0 && (size_t)len < out_bytes; i++)
        len += snprintf(out + len, out_bytes - (size_t)len, "cpu%ld 0 0 0 0\n", i);
    return cut(len, out_bytes);
}

/* In use is what Activity Monitor calls so: of programs, wired, compressed. */
static int memory_text(char *out, size_t out_bytes)
{
    uint64_t total = 0;
    size_t total_bytes = sizeof total;
    vm_statistics64_data_t vm;
    mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
    mach_port_t host = mach_host_self();
    kern_return_t rc = host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&vm, &count);
    mach_port_deallocate(mach_task_self(), host);
    if (sysctlbyname("hw.memsize", &total, &total_bytes, NULL, 0))
        return ERG_IO;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), used = 0;
    if (rc == KERN_SUCCESS)
        used = page * ((uint64_t)vm.internal_page_count - vm.purgeable_count + vm.wire_count +
                       vm.compressor_page_count);
    uint64_t available = used < total ? total - used : 0;
    return cut(snprintf(out, out_bytes, "MemTotal: %llu kB\nMemAvailable: %llu kB\n",
                        (unsigned long long)total / 1024, (unsigned long long)available / 1024),
               out_bytes);
}

static int cpu_text(char *out, size_t out_bytes)
{
    char name[128];
    text_of("machdep.cpu.brand_string", name, sizeof name);
    return cut(snprintf(out, out_bytes, "model name\t: %s\n", name), out_bytes);
}

static int release_text(char *out, size_t out_bytes)
{
    char version[64];
    text_of("kern.osproductversion", version, sizeof version);
    return cut(snprintf(out, out_bytes, "PRETTY_NAME=\"macOS %s\"\n", version), out_bytes);
}

int erg_system_text(const char *path, char *out, size_t out_bytes)
{
    static const struct {
        const char *path;
        int (*write)(char *out, size_t out_bytes);
    } texts[] = {{"/proc/stat", stat_text},
                 {"/proc/meminfo", memory_text},
                 {"/proc/cpuinfo", cpu_text},
                 {"/etc/os-release", release_text}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(path, texts[i].path) == 0)
            return texts[i].write(out, out_bytes);
    }
    return ERG_NOT_FOUND;
}
