#include "base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/mem.h"

#define ADDRESS "NOTIFY_SOCKET"

/* A path, or a name in the abstract namespace after an "@". */
static int connect_to(int fd, const char *address)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(address);
    if (n < 2 || n >= sizeof(to.sun_path)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(to.sun_path, address, n);
    if (address[0] == '@')
        to.sun_path[0] = '\0';
    return connect(fd, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

int notify_open(void)
{
    const char *given = getenv(ADDRESS);
    if (!given)
        return -1;
    _cleanup_free_ char *address = mem_strdup(given);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsetenv(ADDRESS);
    if (fd < 0 || connect_to(fd, address) < 0) {
        log_warning("cannot reach the service manager on %s: %s", address, strerror(errno));
        return -1;
    }
    return TAKE_FD(fd);
}

void notify_send(int fd, const char *state)
{
    if (fd >= 0 && send(fd, state, strlen(state), MSG_NOSIGNAL) < 0)
        log_warning("cannot tell the service manager %s: %s", state, strerror(errno));
}
