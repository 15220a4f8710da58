/* The filter and fields parameters of lists, on rendered JSON. */
#pragma once

#include "base/text.h"
#include "schema/kinds.h"

struct filter;
/* "status.state=running,metadata.labels.team!=a,spec.disks.image~web": all terms must hold. ERR_INVALID also
 * for a field that this kind does not have. */
int filter_parse(enum kind kind, const char *text, struct filter **ret, struct err *e);
bool filter_matches(const struct filter *f, const char *json, size_t n);
void filter_free(struct filter *f);

struct projection;
/* "metadata.name,status.state" */
int projection_parse(enum kind kind, const char *text, struct projection **ret, struct err *e);
/* Replaces the object that starts at `start` of the buffer by one with these members only. */
void projection_apply(const struct projection *p, struct buf *text, size_t start);
void projection_free(struct projection *p);
