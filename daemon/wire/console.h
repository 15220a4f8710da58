/* How a console travels: what lodged hands out beside its answer to GET /consoles/{ticket} is one
 * descriptor. That of a screen (vnc) is a byte stream. All others are SOCK_SEQPACKET: the first byte of
 * a packet is its type. The stream of the answer stays open as long as the console; its only DATA says
 * why it ended: {"end": word, "detail": sentence, "code": exit code of a shell}. */
#pragma once

#define CONSOLE_DATA   'd' /* both ways: bytes; from one who only looks they are dropped */
#define CONSOLE_RESIZE 'r' /* to lodged: little-endian u16 columns, u16 rows */
#define CONSOLE_CONTROL                                                                                      \
    'c' /* JSON; to lodged {"take":true}; from it {"mode":"writer"|"viewer","by":…},                       \
         * {"lost":bytes} where a slow reader missed something */

#define CONSOLE_DATA_MAX   (16 * 1024)            /* bytes of data in a packet, from either side */
#define CONSOLE_PACKET_MAX (1 + CONSOLE_DATA_MAX) /* a longer one breaks the protocol */

/* X(symbol, word, close code of a WebSocket, what it means) */
#define CONSOLE_ENDS(X)                                                                                      \
    X(EXITED, "exited", 4000, "what was behind the console has ended")                                       \
    X(SESSION, "session-ended", 4001, "the session, the token or the permission has ended")                  \
    X(STOPPED, "guest-stopped", 4002, "the guest has stopped")                                               \
    X(RESTARTING, "restarting", 4003, "Lodge is being restarted; the guest runs on: connect again")          \
    X(SILENT, "no-answer", 4004, "the other side did not answer")                                            \
    X(FAILED, "failed", 4005, "the connection to the guest failed")                                          \
    X(LEFT, "left", 1000, "it was left")

enum console_end {
#define X(symbol, word, code, help) CONSOLE_END_##symbol,
    CONSOLE_ENDS(X)
#undef X
        CONSOLE_END_COUNT
};
