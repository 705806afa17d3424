/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over the files of a folder: the corpus as an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT_BYTES = 1 << 20 };

/* 0 when the file was read and run. */
static int replay(const char *folder, const char *name, uint8_t *data)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, MAX_INPUT_BYTES, file);
    fclose(file);
    /* a copy of its own size, so that reading behind its end is seen */
    uint8_t *copy = malloc(size != 0 ? size : 1);
    if (copy == NULL) {
        return 1;
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER (which must exist)\n", argv[0]);
        return 2;
    }
    uint8_t *data = malloc(MAX_INPUT_BYTES);
    int failed = data == NULL, count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && !failed;
         entry = readdir(folder)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        failed = replay(argv[1], entry->d_name, data);
        count++;
    }
    free(data);
    closedir(folder);
    printf("%d inputs\n", count);
    return failed || count == 0; /* a corpus that is not there must not look like a passed test */
}
