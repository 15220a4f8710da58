/* Fetches a small text over HTTPS. */
#pragma once

#include "base/err.h"
#include "iso/installer/patience.h"

#define FETCH_MAX (1024 * 1024)

/* With `fingerprint` (SHA-256 of the certificate, hexadecimal, colons allowed) only a server that shows
 * exactly this certificate is believed, whoever signed it; NULL: one that the system's authorities vouch for.
 * Waits up to three minutes for the network. *ret is owned. */
int fetch_text(const char *url, const char *fingerprint, const struct patience *p, char **ret, struct err *e);
/* Whether a PEM certificate has this fingerprint. */
int fingerprint_matches(const char *pem, const char *fingerprint, struct err *e);
