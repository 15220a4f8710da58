/* Users that exist as numbers alone, without an entry in /etc/passwd: `make run` changes nothing on the
 * host. On the appliance the same numbers have names. Each is also the number of its group. */
#pragma once

#define LODGE_GATE_UID 64840
