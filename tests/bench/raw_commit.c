/* The baseline of a durable change: one row by SQLite alone, WAL with synchronous=FULL. Commits once
 * for each byte on standard input and answers each with a line, microseconds. raw_commit DATABASE BODY-FILE
 */
#include <sqlite3.h>

#include <fcntl.h>
#include <time.h>

#include "base/fs.h"
#include "base/text.h"

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int commit_one(sqlite3_stmt *insert, const char *uuid, const char *body, size_t len)
{
    sqlite3_bind_text(insert, 1, uuid, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 2, "guest-name", -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 3, body, (int)len, SQLITE_STATIC);
    int r = sqlite3_step(insert);
    sqlite3_reset(insert);
    return r;
}

int main(int argc, char **argv)
{
    struct err e;
    char *body, uuid[UUID_LEN + 1], byte;
    size_t len;
    sqlite3 *db;
    sqlite3_stmt *insert;
    if (argc != 3 || fs_read(AT_FDCWD, argv[2], 1 << 20, &body, &len, &e) < 0 ||
        sqlite3_open(argv[1], &db) != SQLITE_OK) {
        fprintf(stderr, "usage: raw_commit DATABASE BODY-FILE\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    sqlite3_exec(db,
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE docs(id INTEGER PRIMARY KEY, kind TEXT, uuid TEXT, name TEXT, spec TEXT);",
        NULL, NULL, NULL);
    if (sqlite3_prepare_v2(db, "INSERT INTO docs(kind,uuid,name,spec) VALUES('guest',?1,?2,?3)", -1, &insert,
            NULL) != SQLITE_OK)
        return 1;
    while (read(STDIN_FILENO, &byte, 1) == 1) {
        uuid_new(uuid);
        double start = now_us();
        if (commit_one(insert, uuid, body, len) != SQLITE_DONE)
            return 1;
        printf("%.1f\n", now_us() - start);
    }
    sqlite3_finalize(insert);
    sqlite3_close(db);
    free(body);
    return 0;
}
