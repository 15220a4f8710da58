/* The screens' own state and rules, without a terminal: what was chosen, whether a screen may be left, which
 * follows. Values stay when somebody goes back. */
#pragma once

#include "iso/installer/choose.h"

enum ui_screen {
    SCREEN_WELCOME,
    SCREEN_KEYBOARD,
    SCREEN_DISK,
    SCREEN_SECOND_DISK, /* only for a mirror */
    SCREEN_NETWORK,
    SCREEN_ADDRESS, /* only without DHCP */
    SCREEN_HOST,
    SCREEN_ADMIN,
    SCREEN_ROOT,
    SCREEN_ZONE,
    SCREEN_SUMMARY,
    SCREEN_CONFIRM, /* only when a disk holds data */
    SCREEN_INSTALL,
    SCREEN_COUNT
};

#define UI_TEXT_MAX 256
#define UI_KEY_MAX  8192 /* RSA of 16384 bits takes 2800 */

struct ui_model {
    const struct inventory *inventory; /* borrowed */
    enum ui_screen at;
    char keyboard[16], zone[64];
    size_t disk, second_disk; /* indices into the inventory */
    bool mirror;
    size_t nic;
    bool dhcp;
    char cidr[UI_TEXT_MAX], gateway[UI_TEXT_MAX], dns[UI_TEXT_MAX]; /* dns: separated by blanks or commas */
    char host[UI_TEXT_MAX];
    char admin[UI_TEXT_MAX], admin_again[UI_TEXT_MAX];
    char root[UI_TEXT_MAX], root_again[UI_TEXT_MAX], ssh_key[UI_KEY_MAX];
    char confirmed[UI_TEXT_MAX]; /* the disk's name, typed */
    /* Pieces that an answer points to. */
    char fqdn[UI_TEXT_MAX], dns_words[UI_TEXT_MAX], mac[18];
};

void ui_model_init(struct ui_model *m, const struct inventory *i);
/* Whether the present screen may be left forward; false fills `why` with a sentence. */
bool ui_model_may_leave(const struct ui_model *m, char why[static 512]);
void ui_model_next(struct ui_model *m);
void ui_model_back(struct ui_model *m);
/* "3 of 10" */
void ui_model_position(const struct ui_model *m, char out[static 24]);
/* Whether the chosen disks are still there under their names, and hold what was shown. */
bool ui_model_is_current(const struct ui_model *m, const struct inventory *now);
/* What the machine has now instead of what it had: disks and card that are still there stay chosen. False
 * when a chosen disk is gone. */
bool ui_model_follow(struct ui_model *m, const struct inventory *now);
/* Whether what is chosen would destroy something. */
bool ui_model_destroys(const struct ui_model *m);
/* What must be typed to agree: "sda", or "sda sdb". */
void ui_model_phrase(const struct ui_model *m, char out[static UI_TEXT_MAX]);
/* The answer that the choices are; it points into the model. */
void ui_model_answer(struct ui_model *m, struct answer *ret);
