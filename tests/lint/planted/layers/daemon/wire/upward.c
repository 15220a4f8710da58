#include "wire/upward.h"

#include "core/guest.h"
