/* One line an event to standard error. Only the edges log (main, task engine, request end): a
 * library returns its error instead. Under systemd the level travels as the "<N>" prefix. */
#pragma once

#include "base/mem.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Program name and least important level that is written; the level may also come from LODGE_LOG. */
void log_init(const char *program, enum log_level level);
void log_write(enum log_level level, const char *fmt, ...) ATTR_PRINTF(2, 3);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
