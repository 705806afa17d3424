/* SPDX-License-Identifier: MIT */
#include "model/discover.h"

#include "base/mem.h"
#include "model/blueprint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* Quantisations of one model, in the order they are taken. */
static const char *const preferred[] = {"q8_0", "f16", "f32"};

enum { PREFERRED = sizeof preferred / sizeof preferred[0] };

static int copy_out(const char *path, char *note, char **out_path, char **out_note,
                    struct erg_err *err)
{
    char *copy = erg_strdup(path);
    if (!copy) {
        free(note);
        return erg_fail(err, ERG_NOMEM, "out of memory");
    }
    *out_path = copy;
    *out_note = note;
    return 0;
}

static int refuse_directory(const char *model, struct erg_err *err)
{
    char config[ERG_MAX_PATH_BYTES];
    struct stat st;
    int len = snprintf(config, sizeof config, "%s/config.json", model);
    if (len > 0 && (size_t)len < sizeof config && stat(config, &st) == 0)
        return erg_fail(err, ERG_UNSUPPORTED,
                        "'%s' is a Hugging Face directory, which this version cannot run (give a "
                        "GGUF file)",
                        model);
    return erg_fail(err, ERG_UNSUPPORTED,
                    "'%s' is a directory (give a GGUF file, or the name of one in it after "
                    "--models-dir)",
                    model);
}

/* Does the list name `model` in a way that its file name is `model` or `model`.gguf? */
static const struct erg_model_entry *find_exact(const struct erg_model_list *list,
                                                const char *model)
{
    size_t len = strlen(model);
    if (len > 5 && strcasecmp(model + len - 5, ".gguf") == 0)
        len -= 5;
    for (size_t i = 0; i < list->count; i++) {
        if (strlen(list->entries[i].name) == len && strncmp(list->entries[i].name, model, len) == 0)
            return &list->entries[i];
    }
    return NULL;
}

/* What follows "model-" or "model." in the name, NULL when it does not begin so. */
static const char *variant_of(const struct erg_model_entry *entry, const char *model)
{
    size_t len = strlen(model);
    if (strncasecmp(entry->name, model, len) != 0)
        return NULL;
    return entry->name[len] == '-' || entry->name[len] == '.' ? entry->name + len + 1 : NULL;
}

struct matches {
    const struct erg_model_entry *best; /* the preferred quantisation so far */
    const struct erg_model_entry *first, *second;
    size_t best_rank;
    size_t count;
};

static struct matches find_variants(const struct erg_model_list *list, const char *model)
{
    struct matches found = {.best_rank = PREFERRED};
    for (size_t i = 0; i < list->count; i++) {
        const struct erg_model_entry *entry = &list->entries[i];
        const char *variant = variant_of(entry, model);
        if (!variant)
            continue;
        found.count++;
        if (!found.first)
            found.first = entry;
        else if (!found.second)
            found.second = entry;
        for (size_t rank = 0; rank < found.best_rank; rank++) {
            if (strcasecmp(variant, preferred[rank]) == 0) {
                found.best = entry;
                found.best_rank = rank;
            }
        }
    }
    return found;
}

static int not_found(const struct erg_model_dirs *dirs, const struct erg_model_list *list,
                     const char *model, struct erg_err *err)
{
    if (strchr(model, '/'))
        return erg_fail(err, ERG_NOT_FOUND, "cannot find model '%s': no such file", model);
    if (list->count)
        return erg_fail(err, ERG_NOT_FOUND,
                        "cannot find model '%s': no such file, and none of the %zu models found "
                        "has that name (try 'ergon models')",
                        model, list->count);
    return erg_fail(err, ERG_NOT_FOUND,
                    "cannot find model '%s': no such file, and no model in '%.100s'", model,
                    dirs->count ? dirs->path[0] : "any models folder");
}

static char *describe_choice(const char *model, const struct matches *found)
{
    char text[512];
    snprintf(text, sizeof text, "'%s' has %zu variants: taking %s", model, found->count,
             found->best->name);
    return erg_strdup(text);
}

static int resolve_name(const struct erg_model_dirs *dirs, const struct erg_model_list *list,
                        const char *model, char **out_path, char **out_note, struct erg_err *err)
{
    const struct erg_model_entry *exact = find_exact(list, model);
    if (exact)
        return copy_out(exact->path, NULL, out_path, out_note, err);
    struct matches found = find_variants(list, model);
    if (!found.count)
        return not_found(dirs, list, model, err);
    if (found.count == 1)
        found.best = found.first;
    if (!found.best)
        return erg_fail(err, ERG_INVALID, "model '%s' is not unique: '%s' and '%s' begin so", model,
                        found.first->name, found.second->name);
    char *note = found.count > 1 ? describe_choice(model, &found) : NULL;
    return copy_out(found.best->path, note, out_path, out_note, err);
}

int erg_model_resolve(const struct erg_model_dirs *dirs, const char *model, char **out_path,
                      char **out_note, struct erg_err *err)
{
    struct stat st;
    struct erg_blueprint blueprint;
    if (erg_is_synth_spec(model)) {
        int rc = erg_blueprint_parse(model, &blueprint, err);
        return rc ? rc : copy_out(model, NULL, out_path, out_note, err);
    }
    if (!*model)
        return erg_fail(err, ERG_INVALID, "the model's name is empty");
    if (stat(model, &st) == 0) {
        if (S_ISREG(st.st_mode))
            return copy_out(model, NULL, out_path, out_note, err);
        if (strchr(model, '/') && S_ISDIR(st.st_mode))
            return refuse_directory(model, err);
    } else if (errno == EACCES) {
        return erg_fail_errno(err, errno, "cannot open model '%s'", model);
    }
    struct erg_model_list list;
    int rc = erg_model_discover(dirs, &list, err);
    if (rc)
        return rc;
    rc = resolve_name(dirs, &list, model, out_path, out_note, err);
    /* A folder beside us does not hide a model of its name, but explains its absence better. */
    if (rc == ERG_NOT_FOUND && stat(model, &st) == 0 && S_ISDIR(st.st_mode))
        rc = refuse_directory(model, err);
    erg_model_list_deinit(&list);
    return rc;
}

static char *copy_name(const struct erg_model_list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->entries[i].path, path) == 0)
            return erg_strdup(list->entries[i].name);
    }
    return NULL;
}

int erg_model_resolve_name(const struct erg_model_dirs *dirs, const char *name, char **out_path,
                           char **out_name, struct erg_err *err)
{
    struct erg_model_list list;
    char *note = NULL, *path = NULL;
    if (!*name || strchr(name, '/') || erg_is_synth_spec(name))
        return erg_fail(err, ERG_INVALID,
                        "'%.64s' is not the name of a model: names are those of files in the "
                        "models folder",
                        name);
    int rc = erg_model_discover(dirs, &list, err);
    if (rc)
        return rc;
    erg_model_list_keep_inside(&list, dirs);
    rc = resolve_name(dirs, &list, name, &path, &note, err);
    free(note);
    char *file_name = rc ? NULL : copy_name(&list, path);
    erg_model_list_deinit(&list);
    if (rc == ERG_NOT_FOUND)
        return erg_fail(err, rc, "there is no model '%.64s' in the models folder", name);
    if (rc == 0 && !file_name)
        rc = erg_fail(err, ERG_NOMEM, "out of memory");
    if (rc) {
        free(path);
        return rc;
    }
    *out_path = path;
    *out_name = file_name;
    return 0;
}
