#include "base/log.h"

#include <stdarg.h>
#include <time.h>

static const struct {
    const char *name;
    int syslog;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_NOTICE] = {"notice", 5},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

/* Written once by log_init, before any thread starts. */
static const char *program_name = "lodge";
static enum log_level least = LOG_LEVEL_INFO;
static int to_journal;

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    least = level;
    to_journal = getenv("JOURNAL_STREAM") != NULL;
    const char *wanted = getenv("LODGE_LOG");
    for (size_t i = 0; wanted && i < ARRAY_SIZE(levels); i++)
        if (streq(wanted, levels[i].name))
            least = (enum log_level)i;
}

/* A log line is one line: control characters from a guest or a client must not forge another. */
static void make_one_line(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = ' ';
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if (level > least)
        return;
    char text[1536];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    make_one_line(text);

    char line[1664];
    if (to_journal) {
        snprintf(line, sizeof(line), "<%d>%s\n", levels[level].syslog, text);
    } else {
        struct timespec now;
        struct tm tm;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        snprintf(line, sizeof(line), "%02d:%02d:%02d.%03ld %s %s: %s\n", tm.tm_hour, tm.tm_min, tm.tm_sec,
            now.tv_nsec / 1000000, program_name, levels[level].name, text);
    }
    ssize_t n = write(STDERR_FILENO, line, strlen(line));
    (void)n;
}
