/* From method and path to a row of the table. */
#pragma once

#include "api/request.h"

/* Fills route, path, name and query of the request. ERR_NOT_FOUND, ERR_METHOD (then *ret_allow is an
 * owned list of methods), ERR_MALFORMED, or violations for parameters that the route does not take. */
int route_request(struct request *r, char **ret_allow, struct violations *v, struct err *e);
