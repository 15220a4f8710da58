/* The user ids that helpers work as. Fixed numbers without an entry in the password file, since `make run`
 * adds no users; the appliance's image names them. */
#pragma once

#define HELPER_UID_IMAGE 64850
#define HELPER_UID_FETCH 64851
