/* What a viewer of a screen sends (RFB 3.3 to 3.8, with QEMU's own messages), without all that would type,
 * point, paste or resize. Pure. */
#pragma once

#include "base/text.h"

struct rfb_filter {
    enum { RFB_VERSION, RFB_SECURITY, RFB_INIT, RFB_MESSAGE, RFB_BODY } state;
    uint8_t head[20]; /* of a message, until its length is known */
    size_t n_head;
    uint64_t body; /* bytes of it that follow */
    bool pass;
};

/* Appends what may go on to `out`. False at a message that is not known: where the next one begins cannot be
 * told then. */
bool rfb_filter(struct rfb_filter *f, const uint8_t *data, size_t n, struct buf *out);
