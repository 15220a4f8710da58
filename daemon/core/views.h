/* Typed views of documents: spec and record decoded once, when a document is loaded or committed. */
#pragma once

#include "registry/registry.h"
#include "schema/decode.h"
#include "schema/kind_objects.h"
#include "schema/specs.h"

/* doc->view of every kind that core or auth acts on. */
struct view {
    struct arena arena;
    void *spec;   /* by kind: struct guest_spec, … */
    void *record; /* by kind: struct guest_record, …; NULL for kinds without */
};

/* NULL when the document is NULL or could not be decoded (written by a newer release). */
const struct guest_spec *guest_spec_of(const struct doc *d);
const struct guest_record *guest_record_of(const struct doc *d);
const struct volume_spec *volume_spec_of(const struct doc *d);
const struct volume_record *volume_record_of(const struct doc *d);
const struct pool_spec *pool_spec_of(const struct doc *d);
const struct network_spec *network_spec_of(const struct doc *d);
const struct network_record *network_record_of(const struct doc *d);
const struct image_spec *image_spec_of(const struct doc *d);
const struct image_record *image_record_of(const struct doc *d);
const struct task_spec *task_spec_of(const struct doc *d);
const struct task_record *task_record_of(const struct doc *d);
const struct node_spec *node_spec_of(const struct doc *d);
const struct setting_spec *setting_spec_of(const struct doc *d);
const struct binding_spec *binding_spec_of(const struct doc *d);
const struct user_spec *user_spec_of(const struct doc *d);
