/* Takes in a stream: writes it to a file while hashing it. */
#pragma once

#include <stdint.h>

/* In the cell; answers by a report and returns the exit code. Blocks of zeros become holes. */
int image_import_here(int from, int to, uint64_t max_bytes);
