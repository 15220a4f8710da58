#include "helpers/image_client.h"
#include "base/crypto.h"

#include <errno.h>

#define TIMEOUT_MS (UINT64_C(6) * 3600 * 1000) /* the cell's own limits end it sooner */

static int run(
    const struct image_job *job, const char *const *args, int source, int target, json_t **ret, struct err *e)
{
    struct proc_fd fds[] = {{source, 3}, {target, 4}};
    struct helper_call call = {.helper_dir = job->helper_dir,
        .name = "lodge-image",
        .args = args,
        .fds = fds,
        .n_fds = target < 0 ? 1 : 2,
        .timeout_ms = TIMEOUT_MS,
        .cancel = job->cancel,
        .progress = job->progress,
        .progress_arg = job->progress_arg};
    return helper_run(&call, ret, e);
}

static int rewind_file(int fd, struct err *e)
{
    return lseek(fd, 0, SEEK_SET) < 0 ? err_errno(e, errno, "cannot read the image from its beginning") : 0;
}

int image_probe(
    const struct image_job *job, int fd, const char *format, struct image_info *ret, struct err *e)
{
    const char *const args[] = {"probe", format, NULL};
    _cleanup_json_ json_t *result = NULL;
    if (rewind_file(fd, e) < 0 || run(job, args, fd, -1, &result, e) < 0)
        return -1;
    *ret = (struct image_info){.virtual_bytes = (uint64_t)json_get_int(result, "virtual_bytes", 0),
        .entries = (uint64_t)json_get_int(result, "entries", 0)};
    snprintf(ret->init, sizeof(ret->init), "%s", json_get_str(result, "init", ""));
    snprintf(ret->sha256, sizeof(ret->sha256), "%s", json_get_str(result, "sha256", ""));
    return 0;
}

int image_unpack(
    const struct image_job *job, int fd, int root_fd, unsigned id_base, unsigned id_count, struct err *e)
{
    _cleanup_free_ char *first = mem_printf("%u", id_base), *count = mem_printf("%u", id_count);
    const char *const args[] = {"unpack", first, count, NULL};
    return rewind_file(fd, e) < 0 ? -1 : run(job, args, fd, root_fd, NULL, e);
}

int image_convert(
    const struct image_job *job, int fd, const char *format, int to_fd, const char *to_format, struct err *e)
{
    const char *const args[] = {"convert", format, to_format, NULL};
    return run(job, args, fd, to_fd, NULL, e);
}

int image_import(const struct image_job *job, int fd, int to_fd, uint64_t max_bytes, uint64_t *ret_bytes,
    char ret_sha256[static SHA256_HEX_LEN + 1], struct err *e)
{
    _cleanup_free_ char *max = mem_printf("%llu", (unsigned long long)max_bytes);
    const char *const args[] = {"import", max, NULL};
    _cleanup_json_ json_t *result = NULL;
    if (run(job, args, fd, to_fd, &result, e) < 0)
        return -1;
    *ret_bytes = (uint64_t)json_get_int(result, "file_bytes", 0);
    snprintf(ret_sha256, SHA256_HEX_LEN + 1, "%s", json_get_str(result, "sha256", ""));
    return 0;
}

int image_client_probe(const char *helper_dir, int fd, int format, uint64_t *ret_virtual_size,
    const _Atomic bool *cancel, struct err *e)
{
    static const char *const formats[] = {"qcow2", "raw", "tar"};
    struct image_job job = {.helper_dir = helper_dir, .cancel = cancel};
    struct image_info info;
    if (format < 0 || (size_t)format >= ARRAY_SIZE(formats))
        return err_set(e, ERR_INTERNAL, "there is no image format %d", format);
    if (image_probe(&job, fd, formats[format], &info, e) < 0)
        return -1;
    *ret_virtual_size = info.virtual_bytes;
    return 0;
}
