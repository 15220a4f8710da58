/* How the mirrors of the host's disks are, as /proc/mdstat says. */
#pragma once

/* The worst of all mirrors (RAID 1): MIRROR_HALF has one disk only; MIRROR_REBUILDS is being copied to its
 * second one. */
enum mirror { MIRROR_NONE, MIRROR_WHOLE, MIRROR_REBUILDS, MIRROR_HALF };

/* Of the text of /proc/mdstat. */
enum mirror mirror_of(const char *mdstat);
