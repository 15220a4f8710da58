/* Whether a file is the disk that the request says. In the cell; they answer by a report and return the
 * exit code. */
#pragma once

int image_probe_raw(int fd);
/* `path` is where the same file is for qemu-img. */
int image_probe_qcow2(int fd, const char *path);
