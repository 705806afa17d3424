/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_MACH_MACH_H
#define ERG_TESTS_MACOS_MACH_MACH_H

#include <stdint.h>

typedef int kern_return_t;
typedef uint32_t natural_t;
typedef int integer_t;
typedef natural_t mach_port_t, mach_msg_type_number_t;
typedef integer_t *host_info_t, *host_info64_t;

#define KERN_SUCCESS       0
#define HOST_CPU_LOAD_INFO 3
#define HOST_VM_INFO64     4

enum { CPU_STATE_USER, CPU_STATE_SYSTEM, CPU_STATE_IDLE, CPU_STATE_NICE, CPU_STATE_MAX };

typedef struct host_cpu_load_info {
    natural_t cpu_ticks[CPU_STATE_MAX];
} host_cpu_load_info_data_t;

typedef struct vm_statistics64 {
    natural_t free_count, active_count, inactive_count, wire_count, purgeable_count;
    natural_t compressor_page_count, internal_page_count;
} vm_statistics64_data_t;

#define HOST_CPU_LOAD_INFO_COUNT ((mach_msg_type_number_t)(sizeof(host_cpu_load_info_data_t) / 4))
#define HOST_VM_INFO64_COUNT     ((mach_msg_type_number_t)(sizeof(vm_statistics64_data_t) / 4))

mach_port_t mach_host_self(void);
extern mach_port_t mach_task_self_;
#define mach_task_self() mach_task_self_
kern_return_t mach_port_deallocate(mach_port_t task, mach_port_t port);
kern_return_t host_statistics(mach_port_t host, int flavor, host_info_t out,
                              mach_msg_type_number_t *count);
kern_return_t host_statistics64(mach_port_t host, int flavor, host_info64_t out,
                                mach_msg_type_number_t *count);

#endif
