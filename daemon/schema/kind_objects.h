/* Which objects describe a kind of document: what users set, what the server keeps with it, and what it shows
 * beside the spec. */
#pragma once

#include "schema/fields.h"
#include "schema/kinds.h"

/* OBJECT_NONE where there is none. */
enum object_id kind_spec_object(enum kind kind);
enum object_id kind_record_object(enum kind kind);
enum object_id kind_status_object(enum kind kind);

/* Whether resources of this kind may have a member at a dotted path such as "metadata.labels.team" or
 * "spec.disks.image" (of any disk). Where not: the object that has no such member, NULL where the path does
 * not begin with a part of a resource, or goes on behind a plain value. */
bool kind_has_path(enum kind kind, const char *path, const struct object **ret_within);
