/* What this host offers containers. */
#pragma once

#include "helpers/ct_config.h"

struct ct_host ct_host_detect(void);
