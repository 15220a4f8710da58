/* Numbers of users that exist without an entry in /etc/passwd, so that nothing on the host changes. */
#pragma once

/* Unprivileged containers: uid and gid 0 inside are this outside; one range of its own for each. */
#define CONTAINER_ID_BASE  1000000
#define CONTAINER_ID_COUNT 65536
