/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "record/fit.h"
#include "record/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree of files that says what a machine is, made anew for each case. */
struct tree {
    char folder[64];
    struct erg_root root;
    char paths[16][256];
    size_t count;
};

static void remember(struct tree *tree, const char *path)
{
    assert_true(tree->count < ERG_COUNT(tree->paths));
    snprintf(tree->paths[tree->count++], sizeof tree->paths[0], "%s", path);
}

static void put(struct tree *tree, const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof full, "%s%s", tree->folder, path);
    for (char *slash = strchr(full + strlen(tree->folder) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(full, 0755) == 0)
            remember(tree, full);
        *slash = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    remember(tree, full);
}

static void tree_open(struct tree *tree)
{
    *tree = (struct tree){.folder = "/tmp/ergon-machine-XXXXXX"};
    assert_non_null(mkdtemp(tree->folder));
    assert_int_equal(erg_root_init(&tree->root, tree->folder, NULL), 0);
}

static void tree_close(struct tree *tree)
{
    while (tree->count) {
        const char *path = tree->paths[--tree->count];
        if (unlink(path))
            rmdir(path);
    }
    assert_int_equal(rmdir(tree->folder), 0);
}

struct limit_case {
    const char *cgroup, *files[3][2];
    int64_t bytes;
};

static void the_least_limit_holds(void **state)
{
    static const struct limit_case cases[] = {
        {NULL, {{NULL}}, 8000000 * INT64_C(1024)},
        {"0::/\n", {{"/sys/fs/cgroup/memory.max", "max\n"}}, 8000000 * INT64_C(1024)},
        {"0::/\n", {{"/sys/fs/cgroup/memory.max", "1073741824\n"}}, INT64_C(1) << 30},
        {"0::/a/b\n",
         {{"/sys/fs/cgroup/a/b/memory.max", "max\n"}, {"/sys/fs/cgroup/a/memory.max", "4096\n"}},
         4096},
        {"0::/a\n",
         {{"/sys/fs/cgroup/a/memory.max", "8192\n"}, {"/sys/fs/cgroup/memory.max", "4096\n"}},
         4096},
        {"0::/a\n", {{"/sys/fs/cgroup/a/memory.max", "no number\n"}}, 8000000 * INT64_C(1024)},
        {"0::/a\n", {{"/sys/fs/cgroup/a/memory.max", "99999999999999\n"}}, 8000000 * INT64_C(1024)},
        {"12:cpu,cpuacct:/x\n5:memory:/docker/1\n",
         {{"/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "2048\n"},
          {"/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1024\n"},
          {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}},
         2048},
        {"4:memoryless,cpu:/x\n",
         {{"/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1024\n"}},
         8000000 * INT64_C(1024)},
        {"nonsense\n::\n0:\n\n0::/../up\n",
         {{"/sys/fs/cgroup/up/memory.max", "1\n"}},
         8000000 * INT64_C(1024)},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        struct tree tree;
        tree_open(&tree);
        put(&tree, "/proc/meminfo", "MemTotal: 8000000 kB\n");
        if (cases[i].cgroup)
            put(&tree, "/proc/self/cgroup", cases[i].cgroup);
        for (size_t k = 0; k < 3 && cases[i].files[k][0]; k++)
            put(&tree, cases[i].files[k][0], cases[i].files[k][1]);
        if (erg_machine_usable_bytes(&tree.root) != cases[i].bytes)
            print_error("case %zu\n", i);
        assert_int_equal(erg_machine_usable_bytes(&tree.root), cases[i].bytes);
        tree_close(&tree);
    }
}

static void a_limit_stands_for_an_unknown_memory(void **state)
{
    struct tree tree;
    (void)state;
    tree_open(&tree);
    assert_int_equal(erg_machine_usable_bytes(&tree.root), 0);
    put(&tree, "/proc/self/cgroup", "0::/");
    put(&tree, "/sys/fs/cgroup/memory.max", "12345");
    assert_int_equal(erg_machine_usable_bytes(&tree.root), 12345);
    tree_close(&tree);
}

/* A model that the machine could hold, and the container cannot. */
static void a_container_that_is_too_small_is_named(void **state)
{
    struct tree tree;
    struct erg_err err = {0};
    struct erg_run_options options = {.model_path = "../models/tales-q8_0.gguf", .tokens = 8};
    (void)state;
    tree_open(&tree);
    put(&tree, "/proc/meminfo", "MemTotal: 8000000 kB\n");
    assert_int_equal(erg_fit_check(&options, &tree.root, &err), 0);
    put(&tree, "/proc/self/cgroup", "0::/box\n");
    put(&tree, "/sys/fs/cgroup/box/memory.max", "1048576\n");
    assert_int_equal(erg_fit_check(&options, &tree.root, &err), ERG_LIMIT);
    assert_non_null(strstr(err.text, "this container may use"));
    tree_close(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_limit_holds),
        cmocka_unit_test(a_limit_stands_for_an_unknown_memory),
        cmocka_unit_test(a_container_that_is_too_small_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
