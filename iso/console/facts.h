/* What the screen says, from what the system tells: decided here, read elsewhere (look.c), so that tests need
 * no host. */
#pragma once

#include <ifaddrs.h>
#include <stdbool.h>

#include "base/mdstat.h"
#include "base/text.h"

/* ---- addresses ---- */

#define URLS_MAX 3
#define URL_MAX  80

struct urls {
    char text[URLS_MAX][URL_MAX];
    size_t n; /* of all; the first URLS_MAX are kept */
};
/* The console's addresses on this interface: IPv4 first; link-local ones only where there are no others. */
void urls_of(const struct ifaddrs *all, const char *interface, struct urls *ret);

/* ---- the certificate ---- */

#define FINGERPRINT_MAX 97 /* 32 bytes as "AA:", two lines, and the end */

/* As browsers show it, in two lines of 16 bytes, from the first certificate of a PEM file. */
int fingerprint_of(const char *pem, size_t n, char out[static FINGERPRINT_MAX], struct err *e);

/* ---- services ---- */

struct service {
    const char *name, *unit;
    const char *socket; /* starts it when it is needed; NULL: nothing does */
};
extern const struct service services[];
extern const size_t n_services;

/* In words, from what `systemctl show --property=Id,LoadState,ActiveState,SubState` wrote of all units; NULL
 * where it wrote nothing. */
const char *service_words(const struct service *s, const char *shown);

/* Whether something is mounted there, as /proc/self/mountinfo has it. */
bool is_mounted(const char *mountinfo, const char *folder);

/* ---- the whole ---- */

#define STATUS_WIDTH 70

struct status {
    char host[256];
    char not_made[96]; /* parts of host.json that could not be put in force when the host started; "": none */
    char interface[32]; /* of the console's addresses; "": host.json names no card */
    char card[32];      /* what carries it */
    bool card_there, link;
    bool dhcp;
    struct urls urls;
    char fingerprint[FINGERPRINT_MAX]; /* "": none, and why */
    char no_fingerprint[256];
    char *shown; /* of the services; NULL: unknown; owned */
    bool local_mounted;
    enum mirror mirror;
    int state_used_percent; /* -1: unknown */
    const char *note;       /* a line at the end; NULL: none */
};

/* Lines of `label` and text, wrapped at blanks to STATUS_WIDTH; the label stands before the first. */
void status_line(struct buf *out, const char *label, const char *text);
/* The part that says where the console is, or why nowhere. */
void status_addresses(const struct status *s, struct buf *out);
void status_text(const struct status *s, struct buf *out);
