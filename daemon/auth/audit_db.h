/* The audit database: inside of auth. One thread at a time. */
#pragma once

#include "auth/audit_chain.h"
#include "registry/sql.h"

struct audit_db;
/* *ret_trouble (owned) is a sentence when head and records do not fit, else NULL. */
int audit_db_open(const char *path, struct audit_db **ret, char **ret_trouble, struct err *e);
void audit_db_close(struct audit_db *db);
DEFINE_CLEANUP(struct audit_db *, audit_db_close)

int audit_db_begin(struct audit_db *db, struct err *e);
/* Gives the record its seq and hash, and writes it. */
int audit_db_add(struct audit_db *db, struct audit_record *record, struct err *e);
/* Durable when it returns 0; then moves the head. */
int audit_db_commit(struct audit_db *db, struct err *e);
void audit_db_rollback(struct audit_db *db);
/* Moves the write-ahead log into the database when it is long. */
void audit_db_tidy(struct audit_db *db);

const char *audit_path(const struct audit *a);
