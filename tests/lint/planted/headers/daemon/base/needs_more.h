#pragma once

size_t needs_more(void);
