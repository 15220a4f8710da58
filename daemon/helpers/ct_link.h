/* Network links on the host's side of a container. */
#pragma once

/* A cable that is not plugged in: the host's end of the pair is down. */
void ct_link_set_down(const char *name);
/* Removes a link; one that is not there is fine. The kernel takes a network namespace apart some time after
 * its last process: until then the pair of a container that was killed is in the way of its next start. */
void ct_link_remove(const char *name);
