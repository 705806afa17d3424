/* SPDX-License-Identifier: MIT */
#include "engine/llama/threads.h"

#include <string.h>

enum { ELEMENTS = 1024, GRAPH_NODES = 4 };

/* Sum of two vectors, on as many threads as there are. */
static void compute_sum(ggml_backend_t backend)
{
    struct ggml_init_params params = {
        .mem_size = GRAPH_NODES * ggml_tensor_overhead() +
                    ggml_graph_overhead_custom(GRAPH_NODES, false) + 4 * ELEMENTS * sizeof(float),
    };
    struct ggml_context *ggml = ggml_init(params);
    if (!ggml) {
        return;
    }
    struct ggml_tensor *a = ggml_new_tensor_1d(ggml, GGML_TYPE_F32, ELEMENTS);
    struct ggml_cgraph *graph = ggml_new_graph_custom(ggml, GRAPH_NODES, false);
    memset(a->data, 0, ggml_nbytes(a));
    ggml_build_forward_expand(graph, ggml_add(ggml, a, a));
    ggml_backend_graph_compute(backend, graph);
    ggml_free(ggml);
}

ggml_backend_t erg_cpu_backend(int threads)
{
    ggml_backend_t backend = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, NULL);
    if (!backend) {
        return NULL;
    }
    ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
    void *symbol = ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads");
    ggml_backend_set_n_threads_t set_threads;
    memcpy(&set_threads, &symbol, sizeof(set_threads)); /* C has no cast between the two */
    if (!symbol) {
        ggml_backend_free(backend);
        return NULL;
    }
    set_threads(backend, threads);
    return backend;
}

void erg_start_threads(int count)
{
    ggml_backend_t backend = erg_cpu_backend(count);
    if (backend) {
        compute_sum(backend);
        ggml_backend_free(backend);
    }
}
