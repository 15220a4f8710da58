/* What the menu's entries do, each from its proof to its end. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* A page that nobody touches for so long closes, as if left by Back: in milliseconds. */
#define IDLE_MS (5 * 60 * 1000)

/* True when somebody has proved to be root or an administrator; `purpose` stands in the title. */
bool screen_proof(const char *purpose);
void screen_network(void);
void screen_password(void);
void screen_shell(void);
void screen_restart(void);
void screen_power_off(void);
/* A text and OK; closes by itself. */
void screen_say(const char *title, const char *text);
void screen_say_error(const char *title, const struct err *e);
