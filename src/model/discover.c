/* SPDX-License-Identifier: MIT */
#include "model/discover.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/root.h"
#include "model/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 3, MAX_MODELS = 10000 };

static int add_dir(struct erg_model_dirs *dirs, struct erg_err *err, const char *base,
                   const char *below)
{
    char *path = dirs->path[dirs->count];
    int len = snprintf(path, ERG_MAX_PATH_BYTES, "%s%s", base, below);
    if (len < 0 || (size_t)len >= ERG_MAX_PATH_BYTES)
        return erg_fail(err, ERG_LIMIT, "the path of the models folder is too long");
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    dirs->count++;
    return 0;
}

int erg_model_dirs_default(const char *models_dir, const char *program_dir,
                           struct erg_model_dirs *out, struct erg_err *err)
{
    const char *named = models_dir ? models_dir : getenv("ERGON_MODELS_DIR");
    const char *data_home = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int rc = 0;
    out->count = 0;
    if (named && *named)
        return add_dir(out, err, named, "");
    if (program_dir) {
        rc = add_dir(out, err, program_dir, "/../share/ergon/models");
        if (!rc)
            rc = add_dir(out, err, program_dir, "/../../models");
    }
    if (rc)
        return rc;
    if (data_home && *data_home)
        return add_dir(out, err, data_home, "/ergon/models");
    return home && *home ? add_dir(out, err, home, "/.local/share/ergon/models") : 0;
}

void erg_model_list_deinit(struct erg_model_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].path);
        free(list->entries[i].name);
    }
    free(list->entries);
    *list = (struct erg_model_list){0};
}

static size_t stem_length(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && strcasecmp(name + len - 5, ".gguf") == 0 ? len - 5 : 0;
}

/* "…-00002-of-00007": a file that is not the first of its model. */
static int is_later_shard(const char *name, size_t stem)
{
    static const char pattern[] = "-#####-of-#####";
    size_t len = sizeof pattern - 1;
    if (stem <= len)
        return 0;
    const char *tail = name + stem - len;
    for (size_t i = 0; i < len; i++) {
        int digit = tail[i] >= '0' && tail[i] <= '9';
        if (pattern[i] == '#' ? !digit : tail[i] != pattern[i])
            return 0;
    }
    return strncmp(tail, "-00001", 6) != 0;
}

static int add_model(struct erg_model_list *list, const char *path, const char *name, size_t stem,
                     int64_t file_bytes)
{
    void *entries = list->entries;
    int rc =
        erg_grow(&entries, &list->capacity, list->count + 1, sizeof *list->entries, MAX_MODELS);
    list->entries = entries;
    if (rc)
        return rc == ERG_LIMIT ? 0 : rc;
    struct erg_model_entry entry = {erg_strdup(path), erg_strndup(name, stem), file_bytes};
    if (!entry.path || !entry.name) {
        free(entry.path);
        free(entry.name);
        return ERG_NOMEM;
    }
    list->entries[list->count++] = entry;
    return 0;
}

/* Folders from the model folder down to here, so that a link back up is not followed. */
struct trail {
    const struct trail *up;
    int depth;
    dev_t dev;
    ino_t ino;
};

static int on_trail(const struct trail *trail, const struct stat *st)
{
    for (; trail; trail = trail->up) {
        if (trail->dev == st->st_dev && trail->ino == st->st_ino)
            return 1;
    }
    return 0;
}

static int scan(struct erg_model_list *list, const char *dir, const struct trail *trail);

static int visit(struct erg_model_list *list, const char *dir, const char *name,
                 const struct trail *trail)
{
    char path[ERG_MAX_PATH_BYTES];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (name[0] == '.' || len < 0 || (size_t)len >= sizeof path || stat(path, &st) < 0)
        return 0;
    if (S_ISDIR(st.st_mode)) {
        struct trail here = {trail, trail->depth + 1, st.st_dev, st.st_ino};
        return here.depth > MAX_DEPTH || on_trail(trail, &st) ? 0 : scan(list, path, &here);
    }
    size_t stem = stem_length(name);
    if (!S_ISREG(st.st_mode) || !stem || is_later_shard(name, stem))
        return 0;
    return add_model(list, path, name, stem, st.st_size);
}

static int scan(struct erg_model_list *list, const char *dir, const struct trail *trail)
{
    static const struct erg_root real_root = {{0}};
    char **names;
    size_t count;
    int rc = erg_root_list(&real_root, dir, &names, &count, NULL);
    if (rc)
        return rc == ERG_NOMEM ? rc : 0;
    for (size_t i = 0; i < count && !rc; i++)
        rc = visit(list, dir, names[i], trail);
    erg_root_free_names(names, count);
    return rc;
}

/* erg_root_list() takes absolute paths without ".."; what links cannot resolve is no folder. */
static int scan_top(struct erg_model_list *list, const char *dir)
{
    struct stat st;
    ERG_AUTO_FREE char *full = realpath(dir, NULL);
    if (!full || stat(full, &st) < 0)
        return 0;
    struct trail top = {NULL, 0, st.st_dev, st.st_ino};
    return scan(list, full, &top);
}

static int compare_paths(const void *a, const void *b)
{
    const struct erg_model_entry *left = a, *right = b;
    return erg_compare_natural(left->path, right->path);
}

int erg_model_discover(const struct erg_model_dirs *dirs, struct erg_model_list *out,
                       struct erg_err *err)
{
    struct erg_model_list list = {0};
    int rc = 0;
    for (size_t i = 0; i < dirs->count && !rc; i++) {
        size_t first = list.count;
        rc = scan_top(&list, dirs->path[i]);
        if (list.count > first)
            qsort(list.entries + first, list.count - first, sizeof *list.entries, compare_paths);
    }
    if (rc) {
        erg_model_list_deinit(&list);
        return erg_fail(err, rc, "cannot list models: out of memory");
    }
    *out = list;
    return 0;
}

/* Is `path` below `folder`? Both without links, "." and "..". */
static int is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    if (len == 1) /* "/" */
        return 1;
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

static int is_inside(const struct erg_model_dirs *dirs, const char *path)
{
    ERG_AUTO_FREE char *real = realpath(path, NULL);
    for (size_t i = 0; real && i < dirs->count; i++) {
        ERG_AUTO_FREE char *folder = realpath(dirs->path[i], NULL);
        if (folder && is_below(real, folder))
            return 1;
    }
    return 0;
}

void erg_model_list_keep_inside(struct erg_model_list *list, const struct erg_model_dirs *dirs)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (is_inside(dirs, list->entries[i].path)) {
            list->entries[kept++] = list->entries[i];
            continue;
        }
        free(list->entries[i].path);
        free(list->entries[i].name);
    }
    list->count = kept;
}

void erg_model_entry_write(const struct erg_model_entry *entry, struct erg_jsonw *w)
{
    struct erg_model_info info;
    struct erg_err err = {0};
    bool sound = erg_gguf_read(entry->path, &info, &err) == 0;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "name", entry->name);
    erg_jsonw_kstr(w, "path", entry->path);
    erg_jsonw_kint(w, "file_bytes", entry->file_bytes);
    erg_jsonw_key(w, "model");
    if (sound)
        erg_model_write_json(w, entry->path, &info);
    else
        erg_jsonw_null(w);
    erg_jsonw_kstr(w, "error", sound ? NULL : err.text);
    erg_jsonw_obj_end(w);
}
