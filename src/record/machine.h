/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_MACHINE_H
#define ERG_RECORD_MACHINE_H

#include "base/buf.h"
#include "base/root.h"

/* {"hostname","os","kernel","cpu","cpus","memory_bytes"} of this machine; its "gpus" an engine
 * adds. */
void erg_machine_describe(const struct erg_root *root, struct erg_buf *out_json);

/* Memory of this machine; 0 when it does not say. */
int64_t erg_machine_memory_bytes(const struct erg_root *root);

/*
 * Memory this process may use: that of the machine, or less in a control group (a container):
 * memory.max of version 2, memory.limit_in_bytes of version 1, of the group and those above it; 0
 * when neither is known.
 */
int64_t erg_machine_usable_bytes(const struct erg_root *root);

/* A fresh run id: local date and time, then 6 random hexadecimal digits. */
void erg_run_id(int64_t wall_ns, char out[40]);

#endif
