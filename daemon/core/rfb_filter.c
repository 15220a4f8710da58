#include "core/rfb_filter.h"

#define VERSION_LEN 12

static uint64_t none(const uint8_t *head)
{
    (void)head;
    return 0;
}

static uint64_t encodings(const uint8_t *head)
{
    return 4 * (uint64_t)(head[2] << 8 | head[3]);
}

/* A negative length is that of an extended clipboard message. */
static uint64_t cut_text(const uint8_t *head)
{
    uint32_t n = (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 | head[7];
    return n & 0x80000000U ? (uint64_t)(~n + 1U) : n;
}

static uint64_t fence(const uint8_t *head)
{
    return head[8];
}

static uint64_t screens(const uint8_t *head)
{
    return 16 * (uint64_t)head[6];
}

/* 0: a key with its scan code; 1: sound, of which 2 sets the format. */
static uint64_t qemu(const uint8_t *head)
{
    if (head[1] == 0)
        return 8;
    return head[1] == 1 && head[3] == 2 ? 6 : 0;
}

/* The RFB protocol, 7.5, and its registered extensions. */
static const struct {
    uint8_t type, head;
    bool pass;
    uint64_t (*body)(const uint8_t *head);
} messages[] = {
    {0, 20, true, none},      /* SetPixelFormat */
    {2, 4, true, encodings},  /* SetEncodings */
    {3, 10, true, none},      /* FramebufferUpdateRequest */
    {4, 8, false, none},      /* KeyEvent */
    {5, 6, false, none},      /* PointerEvent */
    {6, 8, false, cut_text},  /* ClientCutText */
    {150, 10, true, none},    /* EnableContinuousUpdates */
    {248, 9, true, fence},    /* ClientFence */
    {251, 8, false, screens}, /* SetDesktopSize */
    {255, 4, false, qemu},    /* QEMU's */
};

/* One byte of a head; false when its type is not known. */
static bool take_head(struct rfb_filter *f, uint8_t byte, struct buf *out)
{
    f->head[f->n_head++] = byte;
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        if (messages[i].type != f->head[0])
            continue;
        if (f->n_head < messages[i].head)
            return true;
        f->pass = messages[i].pass;
        f->body = messages[i].body(f->head);
        if (f->pass)
            buf_add(out, f->head, f->n_head);
        f->n_head = 0;
        f->state = f->body ? RFB_BODY : RFB_MESSAGE;
        return true;
    }
    return false;
}

/* 3.3 lets the server choose how to sign in: then nothing is sent about it. */
static void take_version(struct rfb_filter *f, uint8_t byte, struct buf *out)
{
    f->head[f->n_head++] = byte;
    buf_add(out, &byte, 1);
    if (f->n_head < VERSION_LEN)
        return;
    f->state = memcmp(f->head, "RFB 003.003", 11) == 0 ? RFB_INIT : RFB_SECURITY;
    f->n_head = 0;
}

bool rfb_filter(struct rfb_filter *f, const uint8_t *data, size_t n, struct buf *out)
{
    static const uint8_t shared = 1;
    while (n) {
        size_t part = 1;
        switch (f->state) {
        case RFB_VERSION: take_version(f, *data, out); break;
        case RFB_SECURITY:
            if (*data != 1) /* anything but "none" would go on with bytes that are not known here */
                return false;
            buf_add(out, data, 1);
            f->state = RFB_INIT;
            break;
        case RFB_INIT:
            buf_add(out, &shared, 1); /* who only looks does not throw others out either */
            f->state = RFB_MESSAGE;
            break;
        case RFB_MESSAGE:
            if (!take_head(f, *data, out))
                return false;
            break;
        case RFB_BODY:
            part = (size_t)MIN_OF((uint64_t)n, f->body);
            if (f->pass)
                buf_add(out, data, part);
            f->body -= part;
            if (!f->body)
                f->state = RFB_MESSAGE;
            break;
        }
        data += part;
        n -= part;
    }
    return true;
}
