/* What a helper says on its standard output: one JSON object a line. {"percent": 12} now and then, and as
 * the last line {"result": {…}} or {"error": {"code", "detail", "hint"}}. */
#pragma once

#include "base/json.h"

/* Says it when the number is another than before. */
void report_percent(unsigned percent);
/* Takes over `result`; returns the exit code of the program. */
int report_result(json_t *result);
int report_error(const struct err *e);
