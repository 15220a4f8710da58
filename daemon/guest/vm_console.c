#include "guest/vm_console.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define CONNECT_TIMEOUT_S 5

int vm_console_open(void *driver, enum console_kind kind, const struct console_target *target,
    struct console_source *ret, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = CONNECT_TIMEOUT_S}, none = {0};
    (void)driver;
    int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", target->runtime_dir,
        kind == CONSOLE_VNC ? VM_VNC_SOCKET : VM_SERIAL_SOCKET);
    if (n < 0 || (size_t)n >= sizeof(address.sun_path))
        return err_set(e, ERR_INVALID, "the path of its socket is too long");
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, errno, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* it holds for connect, too */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        err_errno(e, errno, "QEMU does not answer at %s", address.sun_path);
        e->code = ERR_UNAVAILABLE;
        return err_hint(e, "a guest that was started by an earlier release has it after its next start");
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
    *ret = (struct console_source){.fd = TAKE_FD(fd), .hold_fd = -1, .pidfd = -1};
    return 0;
}
