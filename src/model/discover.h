/* SPDX-License-Identifier: MIT */
#ifndef ERG_MODEL_DISCOVER_H
#define ERG_MODEL_DISCOVER_H

#include "base/err.h"
#include "base/jsonw.h"
#include "base/limits.h"

#include <stddef.h>
#include <stdint.h>

/* Model folders in the order they are searched; they need not exist. */
struct erg_model_dirs {
    size_t count;
    char path[4][ERG_MAX_PATH_BYTES];
};

/*
 * The folders to search: `models_dir` (--models-dir) alone, else $ERGON_MODELS_DIR alone, else
 * share/ergon/models of the installation, models/ of a source tree and $XDG_DATA_HOME/ergon/models.
 * `program_dir` is the folder of the running program; NULL = not known. LIMIT for a path too long.
 */
int erg_model_dirs_default(const char *models_dir, const char *program_dir,
                           struct erg_model_dirs *out, struct erg_err *err);

/* A GGUF file below a model folder. */
struct erg_model_entry {
    char *path;
    char *name; /* file name without .gguf */
    int64_t file_bytes;
};

struct erg_model_list {
    struct erg_model_entry *entries;
    size_t count;
    size_t capacity;
};

/*
 * Every GGUF file in the folders and up to three levels below, by folder, then sorted by path. Of a
 * model that is split into several files only the first is listed. What cannot be read is left out.
 */
int erg_model_discover(const struct erg_model_dirs *dirs, struct erg_model_list *out,
                       struct erg_err *err);
void erg_model_list_deinit(struct erg_model_list *list);

/* An entry as an object: name, path, file_bytes, model (null when the file is damaged), error. */
void erg_model_entry_write(const struct erg_model_entry *entry, struct erg_jsonw *w);

/* Leave only the files that lie in the folders themselves, wherever links lead. */
void erg_model_list_keep_inside(struct erg_model_list *list, const struct erg_model_dirs *dirs);

/*
 * The GGUF file meant by `model`: a path, or the name of a model in the folders with or without
 * .gguf, or such a name without its quantisation ("tales"), of which q8_0, f16, f32 are taken in
 * this order. A `synth:` specification (blueprint.h) is given back as it is if it can be made.
 * *out_note (free(), may be NULL) says which file was chosen when that was a choice.
 * NOT_FOUND; INVALID when several models are meant; UNSUPPORTED for what is no GGUF file.
 */
int erg_model_resolve(const struct erg_model_dirs *dirs, const char *model, char **out_path,
                      char **out_note, struct erg_err *err);

/*
 * The same for those who may name models but neither files nor specifications: a name as above, of
 * a file that lies in the folders themselves. *out_name is the file's. The messages tell no paths.
 */
int erg_model_resolve_name(const struct erg_model_dirs *dirs, const char *name, char **out_path,
                           char **out_name, struct erg_err *err);

#endif
