#pragma once

#include <stddef.h>

size_t fine(const char *text);
