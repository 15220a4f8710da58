/* Included before each file that clang-tidy looks at: what its analyzer cannot see from one file alone, that
 * functions which report an error return -1. Without it every `return err_set(...)` counts as a way to
 * succeed. */
#pragma once

#include "base/err.h"

#define err_set(...)    ((void)err_set(__VA_ARGS__), -1)
#define err_errno(...)  ((void)err_errno(__VA_ARGS__), -1)
#define err_hint(...)   ((void)err_hint(__VA_ARGS__), -1)
#define err_prefix(...) ((void)err_prefix(__VA_ARGS__), -1)
