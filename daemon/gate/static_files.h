/* The console's files, read into memory before privileges go: nothing is opened while serving. */
#pragma once

#include "base/map.h"
#include "base/text.h"

struct static_file {
    const char *type;
    char *data;
    size_t size;
    char *gzip; /* NULL when it would not be smaller */
    size_t gzip_size;
    char etag[20];  /* with quotes, from the content */
    bool immutable; /* below /assets: its name carries its hash, may be cached for ever */
};

struct static_files {
    struct map by_path; /* "/index.html" → struct static_file */
};

int static_files_load(const char *dir, struct static_files *ret, struct err *e);
void static_files_free(struct static_files *files);
/* "/" gives index.html. So does, for who wants a page, whatever else is no file: the console's own addresses,
 * such as /guests/web.1/console, which its script tells apart. NULL: none. */
const struct static_file *static_files_find(const struct static_files *files, const char *path, bool page);
/* gzip in memory; false when it failed or is not smaller. Owned. */
bool gzip_text(const char *data, size_t n, int level, char **ret, size_t *ret_size);
