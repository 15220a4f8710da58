/* Calls the real drivers from a shell, for tests by hand and by script; not shipped. The state folder
 * comes first, then driver, call and its arguments; timings go to standard error.
 *
 *     driver_probe STATE net ensure|remove|leases nat|isolated|bridge JSON
 *     driver_probe STATE net subnet
 *     driver_probe STATE image probe FORMAT FILE | unpack TAR DIR BASE | import FILE TO
 *     driver_probe STATE dir create UUID disk|root raw|qcow2 SIZE [IMAGE raw|qcow2|tar]
 *     driver_probe STATE dir delete|attach|detach|stat UUID | resize UUID SIZE | list
 *     driver_probe STATE guest lxc|libvirt start JSON | cycle JSON TIMES | poll | watch SECONDS
 *     driver_probe STATE guest lxc|libvirt shutdown|stop|reboot|reset|pause|resume|forget UUID
 *     driver_probe STATE fetch URL FILE
 *     driver_probe STATE kvm
 *
 * Helpers are taken from the folder that LODGE_HELPERS names.
 */
#include <fcntl.h>
#include <time.h>

#include "base/crypto.h"
#include "base/json.h"
#include "guest/guest_ops.h"
#include "helpers/fetch_client.h"
#include "helpers/image_client.h"
#include "network/net_ops.h"
#include "storage/storage_ops.h"

static const char *state_dir;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int report(const char *what, double began, int r, const struct err *e)
{
    fprintf(stderr, "%s: %.1f ms\n", what, now_ms() - began);
    if (r < 0)
        fprintf(stderr, "%s: %s: %s\nhint: %s\n", what, err_code_name(e->code), e->detail, e->hint);
    return r < 0 ? 1 : 0;
}

static void print_lease(void *arg, const struct net_lease *lease)
{
    (void)arg;
    printf("%s %s %s\n", lease->mac, lease->address, lease->hostname);
}

static int net_call(int argc, char **argv)
{
    static const struct net_ops *const kinds[] = {&net_nat, &net_isolated, &net_bridge};
    struct err e = {0};
    char subnet[32];
    if (argc == 1 && streq(argv[0], "subnet")) {
        int r = net_free_subnet(subnet, sizeof(subnet), &e);
        if (r == 0)
            puts(subnet);
        return report("subnet", now_ms(), r, &e);
    }
    if (argc != 3)
        return 2;
    const struct net_ops *ops = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (streq(kinds[i]->kind, argv[1]))
            ops = kinds[i];
    _cleanup_json_ json_t *j = NULL;
    if (!ops || json_parse(argv[2], strlen(argv[2]), "argument", &j, &e) < 0)
        return 2;
    struct net_config config = {.uuid = json_get_str(j, "uuid", NULL),
        .name = json_get_str(j, "name", "net"),
        .bridge = json_get_str(j, "bridge", NULL),
        .cidr = json_get_str(j, "cidr", NULL),
        .dhcp_from = json_get_str(j, "from", NULL),
        .dhcp_to = json_get_str(j, "to", NULL),
        .domain = json_get_str(j, "domain", NULL),
        .masquerade = streq(ops->kind, "nat"),
        .mtu = (unsigned)json_get_int(j, "mtu", 0)};
    struct net_options options = {state_dir, json_get_str(j, "instance", "probe")};
    void *driver;
    if (ops->open(&options, &driver, &e) < 0)
        return report("open", now_ms(), -1, &e);
    double began = now_ms();
    int r = streq(argv[0], "ensure")   ? ops->ensure(driver, &config, &e)
            : streq(argv[0], "remove") ? ops->remove(driver, &config, &e)
                                       : ops->leases(driver, &config, print_lease, NULL, &e);
    r = report(argv[0], began, r, &e);
    ops->close(driver);
    return r;
}

static bool print_percent(void *arg, unsigned percent)
{
    (void)arg;
    fprintf(stderr, "%u%% ", percent);
    return true;
}

static int image_call(int argc, char **argv)
{
    struct err e = {0};
    struct image_job job = {.helper_dir = getenv("LODGE_HELPERS"), .progress = print_percent};
    struct image_info info = {0};
    uint64_t base = 0, bytes = 0;
    int r = -1;
    if (argc < 3)
        return 2;
    _cleanup_close_ int fd = open(argv[streq(argv[0], "probe") ? 2 : 1], O_RDONLY | O_CLOEXEC);
    double began = now_ms();
    if (streq(argv[0], "probe")) {
        r = image_probe(&job, fd, argv[1], &info, &e);
    } else if (streq(argv[0], "unpack") && argc == 4 && text_u64(argv[3], &base)) {
        _cleanup_close_ int dir = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = image_unpack(&job, fd, dir, (unsigned)base, 65536, &e);
    } else if (streq(argv[0], "import")) {
        _cleanup_close_ int to = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        r = image_import(&job, fd, to, UINT64_C(1) << 40, &bytes, info.sha256, &e);
        info.virtual_bytes = bytes;
    }
    if (r == 0)
        printf("%llu bytes, %llu entries, init %s, %s\n", (unsigned long long)info.virtual_bytes,
            (unsigned long long)info.entries, info.init, info.sha256);
    return report(argv[0], began, r, &e);
}

static int dir_create(void *pool, int argc, char **argv, struct err *e)
{
    struct volume_request request = {.uuid = argv[0],
        .content = streq(argv[1], "root") ? VOLUME_ROOTFS : VOLUME_DISK,
        .format = streq(argv[2], "raw") ? VOLUME_RAW : VOLUME_QCOW2,
        .image_fd = -1,
        .progress = print_percent};
    text_size(argv[3], &request.size_bytes);
    _cleanup_close_ int image = argc > 5 ? open(argv[4], O_RDONLY | O_CLOEXEC) : -1;
    request.image_fd = image;
    if (argc > 5)
        request.image_format = streq(argv[5], "tar")   ? IMAGE_TAR
                               : streq(argv[5], "raw") ? IMAGE_RAW
                                                       : IMAGE_QCOW2;
    return storage_dir.volume_create(pool, &request, e);
}

static int dir_list(void *pool, struct err *e)
{
    struct volume_stat *list = NULL;
    size_t n = 0;
    if (storage_dir.volume_list(pool, &list, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        printf("%s %llu %llu\n", list[i].uuid, (unsigned long long)list[i].size_bytes,
            (unsigned long long)list[i].allocated_bytes);
    free(list);
    return 0;
}

static int dir_call(int argc, char **argv)
{
    struct err e = {0};
    struct attachment at = {0};
    struct volume_stat st = {0};
    uint64_t size = 0;
    void *pool;
    _cleanup_json_ json_t *settings = json_object();
    struct pool_config config = {"p", "local", settings, state_dir, 1000000, 65536, getenv("LODGE_HELPERS")};
    if (storage_dir.open(&config, &pool, &e) < 0)
        return report("open", now_ms(), -1, &e);
    double began = now_ms();
    const char *call = argv[0];
    int r = -1;
    if (streq(call, "create") && argc >= 5)
        r = dir_create(pool, argc - 1, argv + 1, &e);
    else if (streq(call, "list"))
        r = dir_list(pool, &e);
    else if (streq(call, "delete") && argc > 1)
        r = storage_dir.volume_delete(pool, argv[1], &e);
    else if (streq(call, "detach") && argc > 1)
        r = storage_dir.detach(pool, argv[1], &e);
    else if (streq(call, "attach") && argc > 1 &&
             (r = storage_dir.attach(pool, argv[1], false, &at, &e)) == 0)
        puts(at.path);
    else if (streq(call, "resize") && argc > 2 && text_size(argv[2], &size))
        r = storage_dir.volume_resize(pool, argv[1], size, &e);
    else if (streq(call, "stat") && argc > 1 && (r = storage_dir.volume_stat(pool, argv[1], &st, &e)) == 0)
        printf("%llu %llu\n", (unsigned long long)st.size_bytes, (unsigned long long)st.allocated_bytes);
    r = report(call, began, r, &e);
    storage_dir.close(pool);
    return r;
}

static void print_event(void *arg, const struct guest_event *event)
{
    (void)arg;
    fprintf(stderr, "event %s %s cause %d %s\n", event->uuid, guest_state_name(event->state),
        (int)event->cause, event->detail);
}

static void print_sample(void *arg, const struct guest_sample *s)
{
    (void)arg;
    printf("%s %s cause %d cpu %llu ms, memory %llu of %llu, disk r %llu w %llu, net rx %llu tx %llu\n",
        s->uuid, guest_state_name(s->state), (int)s->cause, (unsigned long long)s->cpu_time_ns / 1000000,
        (unsigned long long)s->memory_used_bytes, (unsigned long long)s->memory_max_bytes,
        (unsigned long long)s->disk_read_bytes, (unsigned long long)s->disk_write_bytes,
        (unsigned long long)s->net_rx_bytes, (unsigned long long)s->net_tx_bytes);
}

struct guest_argument {
    json_t *json;
    struct guest_disk disks[8];
    struct guest_nic nics[8];
    const char *init[8];
    struct guest_config config;
};

static void read_guest(struct guest_argument *a, enum guest_type type)
{
    size_t i;
    json_t *o;
    json_array_foreach (json_get_arr(a->json, "disks"), i, o) {
        a->disks[i].at.format = streq(json_get_str(o, "format", "qcow2"), "raw") ? VOLUME_RAW : VOLUME_QCOW2;
        snprintf(a->disks[i].at.path, sizeof(a->disks[i].at.path), "%s", json_get_str(o, "path", ""));
        a->disks[i].serial = json_get_str(o, "serial", NULL);
        a->disks[i].slot = (unsigned)i;
        a->disks[i].boot_order = (unsigned)i + 1;
    }
    a->config.n_disks = json_array_size(json_get_arr(a->json, "disks"));
    json_array_foreach (json_get_arr(a->json, "nics"), i, o)
        a->nics[i] = (struct guest_nic){.bridge = json_get_str(o, "bridge", ""),
            .mac = json_get_str(o, "mac", NULL),
            .slot = (unsigned)i};
    a->config.n_nics = json_array_size(json_get_arr(a->json, "nics"));
    json_array_foreach (json_get_arr(a->json, "init"), i, o)
        a->init[i] = json_string_value(o);
    a->config.uuid = json_get_str(a->json, "uuid", "");
    a->config.name = json_get_str(a->json, "name", "probe");
    a->config.type = type;
    a->config.vcpus = (unsigned)json_get_int(a->json, "vcpus", 1);
    a->config.memory_bytes = (uint64_t)json_get_int(a->json, "memory", 256) << 20;
    a->config.disks = a->disks;
    a->config.nics = a->nics;
    a->config.serial_log = json_get_str(a->json, "serial_log", NULL);
    a->config.kvm = json_get_bool(a->json, "kvm", 0);
    a->config.runtime_dir = json_get_str(a->json, "runtime_dir", NULL);
    a->config.id_base = 1000000;
    a->config.id_count = 65536;
    a->config.init = a->init[0] ? a->init : NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int guest_cycle(
    const struct guest_ops *ops, void *driver, const struct guest_config *config, int times, struct err *e)
{
    double *start = mem_new(double, (size_t)times), *stop = mem_new(double, (size_t)times);
    struct guest_started started;
    int r = 0;
    for (int i = 0; r == 0 && i < times; i++) {
        double began = now_ms();
        r = ops->start(driver, config, &started, e);
        start[i] = now_ms() - began;
        began = now_ms();
        if (r == 0)
            r = ops->stop(driver, config->uuid, e);
        stop[i] = now_ms() - began;
    }
    qsort(start, (size_t)times, sizeof(double), compare);
    qsort(stop, (size_t)times, sizeof(double), compare);
    printf("start median %.1f ms (%.1f to %.1f), stop median %.1f ms\n", start[times / 2], start[0],
        start[times - 1], stop[times / 2]);
    free(start);
    free(stop);
    return r;
}

static int guest_with_config(const struct guest_ops *ops, void *driver, int argc, char **argv,
    struct guest_started *ret, struct err *e)
{
    struct guest_argument a = {0};
    if (json_parse(argv[1], strlen(argv[1]), "argument", &a.json, e) < 0)
        return -1;
    read_guest(&a, ops->type);
    int r = argc > 2 ? guest_cycle(ops, driver, &a.config, atoi(argv[2]), e)
                     : ops->start(driver, &a.config, ret, e);
    json_decref(a.json);
    return r;
}

static int guest_call(int argc, char **argv)
{
    struct err e = {0};
    const struct guest_ops *ops = argc > 1 && streq(argv[0], "libvirt") ? &guest_libvirt : &guest_lxc;
    struct guest_driver_options options = {
        state_dir, getenv("LODGE_INSTANCE") ?: "probe", getenv("LODGE_HELPERS"), print_event, NULL};
    const struct {
        const char *name;
        int (*call)(void *driver, const char *uuid, struct err *e);
    } calls[] = {{"shutdown", ops->shutdown}, {"stop", ops->stop}, {"reboot", ops->reboot},
        {"reset", ops->reset}, {"pause", ops->pause}, {"resume", ops->resume}, {"forget", ops->forget}};
    void *driver;
    if (argc < 2 || ops->open(&options, &driver, &e) < 0)
        return report("open", now_ms(), -1, &e);
    if (ops == &guest_libvirt)
        usleep(300000); /* it connects in the background */
    struct guest_started started = {0};
    double began = now_ms();
    int r = -1;
    if ((streq(argv[1], "start") || streq(argv[1], "cycle")) && argc > 2)
        r = guest_with_config(ops, driver, argc - 1, argv + 1, &started, &e);
    else if (streq(argv[1], "poll"))
        r = ops->poll(driver, print_sample, NULL, &e);
    else if (streq(argv[1], "watch") && argc > 2)
        r = (int)sleep((unsigned)atoi(argv[2]));
    for (size_t i = 0; argc > 2 && i < ARRAY_SIZE(calls); i++)
        if (streq(calls[i].name, argv[1]) && calls[i].call)
            r = calls[i].call(driver, argv[2], &e);
    r = report(argv[1], began, r, &e);
    if (started.pid || started.machine[0])
        printf("pid %d machine %s\n", (int)started.pid, started.machine);
    ops->close(driver);
    return r;
}

static int fetch_call(int argc, char **argv)
{
    struct err e = {0};
    uint64_t bytes = 0;
    char sha256[SHA256_HEX_LEN + 1] = "";
    if (argc != 2)
        return 2;
    struct fetch_job job = {.helper_dir = getenv("LODGE_HELPERS"),
        .url = argv[0],
        .max_bytes = 1 << 30,
        .progress = print_percent};
    _cleanup_close_ int to = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    double began = now_ms();
    int r = fetch_file(&job, to, &bytes, sha256, &e);
    printf("%llu %s\n", (unsigned long long)bytes, sha256);
    return report("fetch", began, r, &e);
}

static int kvm_call(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    char reason[160];
    double began = now_ms();
    bool works = vm_kvm_works(state_dir, reason, sizeof(reason));
    printf("%s %s\n", works ? "yes" : "no", reason);
    return report("kvm", began, 0, NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*call)(int argc, char **argv);
    } drivers[] = {{"net", net_call}, {"image", image_call}, {"dir", dir_call}, {"guest", guest_call},
        {"fetch", fetch_call}, {"kvm", kvm_call}};
    state_dir = argc > 1 ? argv[1] : NULL;
    for (size_t i = 0; argc > 2 && i < ARRAY_SIZE(drivers); i++)
        if (streq(drivers[i].name, argv[2]))
            return drivers[i].call(argc - 3, argv + 3);
    fprintf(stderr, "usage: see the head of driver_probe.c\n");
    return 2;
}
