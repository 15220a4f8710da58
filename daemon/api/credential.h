/* What somebody signed in with, kept by what lasts longer than a request (event streams, consoles, tickets)
 * so that it can be asked again: does it still stand, and what is it allowed now? */
#pragma once

#include "api/request.h"

struct credential {
    char *session, *bearer; /* NULL both: root on the socket */
};

/* The request's; owned. */
struct credential credential_of(const struct request *r);
void credential_clear(struct credential *c);
/* In constant time for secrets of equal length. */
bool credential_same(const struct credential *a, const struct credential *b);
/* The caller as it is now (a reference), or why it is nobody any more. It counts as no use of a session
 * unless `use` says so. */
int credential_principal(
    struct api *api, const struct credential *c, bool use, struct principal **ret, struct err *e);
/* Whether a commit may change what somebody is allowed. */
bool commit_touches_access(const struct commit *c);
