#include "helpers/fetch_client.h"

#include "base/crypto.h"
#include "helpers/image_client.h"

#define TIMEOUT_MS  (UINT64_C(25) * 3600 * 1000) /* the helper gives up sooner */
#define IMAGE_BYTES (UINT64_C(1) << 40)

int fetch_file(const struct fetch_job *job, int to_fd, uint64_t *ret_bytes,
    char ret_sha256[static SHA256_HEX_LEN + 1], struct err *e)
{
    static const char *const args[] = {NULL};
    struct proc_fd fds[] = {{to_fd, 4}};
    _cleanup_json_ json_t *request =
        json_pack("{s:s, s:I}", "url", job->url, "max_bytes", (json_int_t)job->max_bytes);
    _cleanup_json_ json_t *result = NULL;
    if (!request)
        return err_set(e, ERR_INVALID, "the URL is no UTF-8");
    _cleanup_free_ char *text = json_text(request);
    struct helper_call call = {.helper_dir = job->helper_dir,
        .name = "lodge-fetch",
        .args = args,
        .input = text,
        .fds = fds,
        .n_fds = 1,
        .timeout_ms = TIMEOUT_MS,
        .cancel = job->cancel,
        .progress = job->progress,
        .progress_arg = job->progress_arg};
    if (helper_run(&call, &result, e) < 0)
        return err_prefix(e, "cannot download the image");
    *ret_bytes = (uint64_t)json_get_int(result, "bytes", 0);
    snprintf(ret_sha256, SHA256_HEX_LEN + 1, "%s", json_get_str(result, "sha256", ""));
    return 0;
}

int image_client_fetch(const char *helper_dir, const char *url, int fd, helper_progress_fn *progress,
    void *progress_arg, const _Atomic bool *cancel, struct err *e)
{
    uint64_t bytes;
    char sha256[SHA256_HEX_LEN + 1];
    struct fetch_job job = {helper_dir, url, IMAGE_BYTES, cancel, progress, progress_arg};
    return fetch_file(&job, fd, &bytes, sha256, e);
}
