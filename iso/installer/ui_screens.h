/* The screens themselves: each shows what the model holds, and puts what was chosen back into it. */
#pragma once

#include "iso/installer/ui_model.h"
#include "iso/common/ui_page.h"

/* Runs the model's present screen. `live`: this is the machine itself, whose links are read anew
 * and whose console gets the keyboard's map. */
enum page_action screen_run(struct ui_model *m, struct inventory *i, bool live);
/* The summary; its text comes from the plan. */
enum page_action screen_summary(const struct ui_model *m, const char *text, const char *warnings);
