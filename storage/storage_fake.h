/* A pool without storage, for tests: volumes are empty files of the right size under
 * LODGE_STATE/fake/<pool>, so that they outlive a killed daemon as real ones do. Its calls in the plan
 * are named as in storage_ops. */
#pragma once

#include "base/fake_plan.h"
#include "storage/storage_ops.h"

extern const struct storage_ops storage_fake; /* stands in for the kind "dir" */
extern struct fake_plan storage_fake_plan;
