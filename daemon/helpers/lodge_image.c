/* lodge-image: everything that touches a file which a stranger may have made, in a cell (sandbox.h).
 *
 *     lodge-image probe raw|qcow2|tar             3 = the file
 *     lodge-image unpack ID_FIRST ID_COUNT        3 = tar archive, 4 = directory that becomes its root
 *     lodge-image convert FROM TO                 3 = image, 4 = disk of format TO, made by qemu-img create
 *     lodge-image import MAX_BYTES                3 = stream, 4 = empty file
 *
 * Started as root, by lodged; the part that stays root only makes the cell. Answers as report.h says. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>

#include "base/text.h"
#include "helpers/ids.h"
#include "helpers/image_import.h"
#include "helpers/image_probe.h"
#include "helpers/image_qemu.h"
#include "helpers/image_tar.h"
#include "helpers/report.h"
#include "helpers/sandbox.h"

#define SOURCE_FD 3
#define TARGET_FD 4

struct request {
    char **args;
    uint64_t numbers[2];
};

static int run_probe_raw(void *arg)
{
    (void)arg;
    return image_probe_raw(SOURCE_FD);
}

static int run_probe_qcow2(void *arg)
{
    (void)arg;
    return image_probe_qcow2(SOURCE_FD, "/source");
}

static const struct tar_limits tar_limits = {
    .total_bytes = UINT64_C(1) << 40, .entries = 4 * 1000 * 1000, .id_count = 65536};

static int report_tar(int r, const struct tar_result *result, const struct err *e)
{
    if (r < 0)
        return report_error(e);
    return report_result(json_pack("{s:s, s:I, s:I, s:s?}", "sha256", result->sha256, "virtual_bytes",
        (json_int_t)result->unpacked_bytes, "entries", (json_int_t)result->entries, "init", result->init));
}

static int run_probe_tar(void *arg)
{
    (void)arg;
    struct err e = {0};
    struct tar_result result = {0};
    int r = tar_read(SOURCE_FD, &tar_limits, false, &result, &e);
    return report_tar(r, &result, &e);
}

static int run_unpack(void *arg)
{
    const struct request *request = arg;
    struct err e = {0};
    struct tar_result result = {0};
    struct tar_limits limits = tar_limits;
    limits.id_count = request->numbers[1];
    umask(0);
    rmdir("lost+found");
    int r = tar_read(SOURCE_FD, &limits, true, &result, &e);
    _cleanup_close_ int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A pool that is full under a sparse file shows as an I/O error, and only now. */
    if (r == 0 && (root < 0 || syncfs(root) < 0))
        r = err_set(&e, ERR_NO_SPACE, "the unpacked files could not be written: %s", strerror(errno));
    return report_tar(r, &result, &e);
}

static int run_convert(void *arg)
{
    const struct request *request = arg;
    return image_convert_here(request->args[0], "/source", request->args[1], "/target");
}

static int run_import(void *arg)
{
    const struct request *request = arg;
    return image_import_here(SOURCE_FD, TARGET_FD, request->numbers[0]);
}

struct verb {
    const char *name, *first_arg; /* first_arg: NULL matches any */
    int n_args, n_numbers;
    int (*run)(void *request);
    bool source, target, programs, root;
};

static const struct verb verbs[] = {
    {"probe", "raw", 1, 0, run_probe_raw, .source = false},
    {"probe", "qcow2", 1, 0, run_probe_qcow2, .source = true, .programs = true},
    {"probe", "tar", 1, 0, run_probe_tar, .source = false},
    {"unpack", NULL, 2, 2, run_unpack, .root = true},
    {"convert", NULL, 2, 0, run_convert, .source = true, .target = true, .programs = true},
    {"import", NULL, 1, 1, run_import, .source = false},
};

static const struct verb *find_verb(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
        if (streq(verbs[i].name, argv[1]) && argc - 2 == verbs[i].n_args &&
            (!verbs[i].first_arg || streq(verbs[i].first_arg, argv[2])))
            return &verbs[i];
    return NULL;
}

static int run(const struct verb *verb, struct request *request)
{
    struct err e = {0};
    struct sandbox_spec spec = {.id_first = verb->root ? (unsigned)request->numbers[0] : HELPER_UID_IMAGE,
        .id_count = verb->root ? (unsigned)request->numbers[1] : 1,
        .root_fd = verb->root ? TARGET_FD : -1,
        .programs = verb->programs};
    if (verb->source)
        spec.files[spec.n_files++] = (struct sandbox_file){SOURCE_FD, "/source"};
    if (verb->target)
        spec.files[spec.n_files++] = (struct sandbox_file){TARGET_FD, "/target"};
    int code = sandbox_run(&spec, verb->run, request, &e);
    return code < 0 ? report_error(&e) : code;
}

int main(int argc, char **argv)
{
    const struct verb *verb = find_verb(argc, argv);
    struct request request = {.args = argv + 2};
    bool usable = verb;
    for (int i = 0; usable && i < verb->n_numbers; i++)
        usable = text_u64(argv[2 + i], &request.numbers[i]);
    if (usable && verb->root)
        usable = request.numbers[0] > 0 && request.numbers[1] > 0 && request.numbers[0] < UINT32_MAX &&
                 request.numbers[1] <= UINT32_MAX - request.numbers[0];
    if (!usable) {
        fprintf(stderr, "lodge-image: is started by lodged; see its first lines for how\n");
        return 2;
    }
    /* Names in archives are UTF-8; libarchive converts to what this says. */
    setlocale(LC_CTYPE, "C.UTF-8");
    return run(verb, &request);
}
