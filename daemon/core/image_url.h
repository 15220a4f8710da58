/* User and password in the URL of an image: nobody who only reads images, tasks or logs may see them. They
 * leave the spec before anything is made of it, and lie encrypted in the record until the image is there. */
#pragma once

#include "base/json.h"

/* Takes "user:password" out of spec.source.url, if it has them: owned, NULL when there are none. */
char *image_url_take_login(json_t *spec);
/* The URL with its login again; owned, for secret_clear. */
char *image_url_with_login(const char *url, const char *login);
