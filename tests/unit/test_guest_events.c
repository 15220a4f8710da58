/* What libvirt's events and states mean to us, and what liblxc is told of a container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guest/ct_addresses.h"
#include "guest/vm.h"
#include "helpers/ct_config.h"

/* vm_event.c tells through these; nothing is told here. */
bool vm_is_ours(struct vm_driver *driver, virDomainPtr domain)
{
    (void)driver;
    (void)domain;
    return false;
}

bool vm_is_starting(struct vm_driver *driver, const char *uuid)
{
    (void)driver;
    (void)uuid;
    return false;
}

static void each_libvirt_event_has_its_state_and_cause(void **state)
{
    (void)state;
    static const struct {
        int event, detail;
        enum guest_state state;
        enum guest_cause cause;
    } rows[] = {
        {VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED, GUEST_RUNNING, CAUSE_STARTED},
        {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, GUEST_PAUSED, CAUSE_NONE},
        {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, GUEST_BLOCKED, CAUSE_IO_ERROR},
        {VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, GUEST_RUNNING, CAUSE_STARTED},
        {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, GUEST_STOPPED, CAUSE_GUEST},
        {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, GUEST_STOPPED, CAUSE_STOPPED},
        {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, GUEST_CRASHED, CAUSE_FAILED},
        {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED, GUEST_CRASHED, CAUSE_FAILED},
        {VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED, GUEST_CRASHED, CAUSE_FAILED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct guest_event event = {0};
        assert_true(vm_event_map(rows[i].event, rows[i].detail, &event));
        assert_int_equal(event.state, rows[i].state);
        assert_int_equal(event.cause, rows[i].cause);
    }
}

static void events_that_change_no_state_say_nothing(void **state)
{
    (void)state;
    struct guest_event event = {0};
    assert_false(vm_event_map(VIR_DOMAIN_EVENT_DEFINED, 0, &event));
    assert_false(vm_event_map(VIR_DOMAIN_EVENT_UNDEFINED, 0, &event));
    assert_false(vm_event_map(VIR_DOMAIN_EVENT_SHUTDOWN, 0, &event)); /* it only begins */
    assert_false(vm_event_map(1000, 0, &event));
}

static void each_libvirt_state_has_ours(void **state)
{
    (void)state;
    enum guest_state s;
    enum guest_cause c;
    vm_state_map(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, &s, &c);
    assert_int_equal(s, GUEST_RUNNING);
    vm_state_map(VIR_DOMAIN_SHUTDOWN, 0, &s, &c);
    assert_int_equal(s, GUEST_RUNNING);
    vm_state_map(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, &s, &c);
    assert_int_equal(s, GUEST_BLOCKED);
    vm_state_map(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN, &s, &c);
    assert_int_equal(c, CAUSE_GUEST);
    vm_state_map(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_CRASHED, &s, &c);
    assert_int_equal(s, GUEST_CRASHED);
    vm_state_map(VIR_DOMAIN_NOSTATE, 0, &s, &c);
    assert_int_equal(s, GUEST_UNKNOWN);
}

static json_t *container(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:[{s:s, s:s, s:s}]}", "uuid",
        "8c1f4f0e-2b1d-4f6f-9a7b-0123456789ab", "name", "web1", "instance", "x", "lxcpath", "/run/lxc",
        "root", "/run/rootfs/1", "memory_bytes", 1 << 27, "vcpus", 2, "id_base", 1000000, "id_count", 65536,
        "nics", "bridge", "lodge0", "mac", "52:54:00:00:00:01", "ifname", "lc1");
}

static const char *value_of(const struct ct_items *items, const char *key)
{
    for (size_t i = 0; i < items->n; i++)
        if (streq(items->list[i].key, key))
            return items->list[i].value;
    return NULL;
}

static void a_container_is_unprivileged_limited_and_in_a_group_of_its_own(void **state)
{
    (void)state;
    const struct ct_host host = {0};
    struct ct_items items;
    _cleanup_json_ json_t *request = container();
    assert_int_equal(ct_config(request, &host, &items, NULL), 0);
    assert_string_equal(value_of(&items, "lxc.idmap"), "u 0 1000000 65536");
    assert_string_equal(value_of(&items, "lxc.rootfs.options"), "idmap=container");
    assert_string_equal(value_of(&items, "lxc.cgroup.memory.limit_in_bytes"), "134217728");
    assert_string_equal(value_of(&items, "lxc.cgroup.cpu.cfs_quota_us"), "200000");
    assert_string_equal(
        value_of(&items, "lxc.cgroup.dir.container"), "lodge-x/8c1f4f0e-2b1d-4f6f-9a7b-0123456789ab");
    assert_string_equal(value_of(&items, "lxc.net.0.link"), "lodge0");
    assert_string_equal(value_of(&items, "lxc.apparmor.profile"), "unconfined");
    assert_null(value_of(&items, "lxc.cgroup2.memory.max"));
    assert_null(value_of(&items, "lxc.console.size")); /* it has no log */
    ct_items_clear(&items);
}

static void on_pure_version_2_the_limits_have_its_names(void **state)
{
    (void)state;
    const struct ct_host host = {.cgroup2 = true, .apparmor = true, .lxcfs = true, .seccomp_path = "/s"};
    struct ct_items items;
    _cleanup_json_ json_t *request = container();
    assert_int_equal(ct_config(request, &host, &items, NULL), 0);
    assert_string_equal(value_of(&items, "lxc.cgroup2.memory.max"), "134217728");
    assert_string_equal(value_of(&items, "lxc.cgroup2.cpu.max"), "200000 100000");
    assert_string_equal(value_of(&items, "lxc.cgroup2.devices.deny"), "a");
    assert_string_equal(value_of(&items, "lxc.apparmor.profile"), "generated");
    assert_string_equal(value_of(&items, "lxc.seccomp.profile"), "/s");
    assert_non_null(value_of(&items, "lxc.mount.entry"));
    for (size_t i = 0; i < items.n; i++)
        assert_int_not_equal(strncmp(items.list[i].key, "lxc.cgroup.", 11) == 0 &&
                                 strncmp(items.list[i].key, "lxc.cgroup.dir", 14) != 0,
            1);
    ct_items_clear(&items);
}

static void a_container_without_cards_is_not_in_the_hosts_network(void **state)
{
    (void)state;
    const struct ct_host host = {0};
    struct ct_items items;
    _cleanup_json_ json_t *request = container();
    json_object_del(request, "nics");
    assert_int_equal(ct_config(request, &host, &items, NULL), 0);
    assert_string_equal(value_of(&items, "lxc.net.0.type"), "empty");
    ct_items_clear(&items);
}

static void a_container_without_a_range_of_ids_is_refused(void **state)
{
    (void)state;
    const struct ct_host host = {0};
    struct ct_items items;
    struct err e = {0};
    _cleanup_json_ json_t *request = container();
    json_object_del(request, "id_base");
    assert_int_equal(ct_config(request, &host, &items, &e), -1);
    assert_int_equal(e.code, ERR_INVALID);
}

static void a_console_log_is_bounded(void **state)
{
    (void)state;
    const struct ct_host host = {0};
    struct ct_items items;
    _cleanup_json_ json_t *request = container();
    json_object_set_new(request, "serial_log", json_string("/log"));
    assert_int_equal(ct_config(request, &host, &items, NULL), 0);
    assert_string_equal(value_of(&items, "lxc.console.logfile"), "/log");
    assert_string_equal(value_of(&items, "lxc.console.size"), "4194304");
    assert_string_equal(value_of(&items, "lxc.console.rotate"), "1");
    ct_items_clear(&items);
}

static void the_limit_of_processes_leaves_room_on_the_host(void **state)
{
    (void)state;
    static const struct {
        int pid_max;
        const char *limit;
    } table[] = {{32768, "4096"}, {4194304, "16384"}, {301, "1024"}, {131072, "16384"}, {65536, "8192"}};
    for (size_t i = 0; i < ARRAY_SIZE(table) * 2; i++) {
        const struct ct_host host = {.pid_max = table[i / 2].pid_max, .cgroup2 = i % 2};
        struct ct_items items;
        _cleanup_json_ json_t *request = container();
        assert_int_equal(ct_config(request, &host, &items, NULL), 0);
        assert_string_equal(
            value_of(&items, i % 2 ? "lxc.cgroup2.pids.max" : "lxc.cgroup.pids.max"), table[i / 2].limit);
        ct_items_clear(&items);
    }
}

static void the_addresses_of_a_container_are_those_of_its_own_stack(void **state)
{
    (void)state;
    static const char trie[] = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"
                               "        |-- 127.0.0.1\n           /32 host LOCAL\n"
                               "           |-- 192.0.2.0\n              /24 link UNICAST\n"
                               "           |-- 192.0.2.10\n              /32 host LOCAL\n"
                               "        |-- 192.0.2.255\n           /32 link BROADCAST\n"
                               "Local:\n           |-- 192.0.2.10\n              /32 host LOCAL\n";
    static const char inet6[] = "00000000000000000000000000000001 01 80 10 80       lo\n"
                                "fe8000000000000002163efffe000001 02 40 20 80     eth0\n"
                                "20010db80000000002163efffe000001 02 40 00 00     eth0\n"
                                "20010db8000000000000000000000002 02 40 00 40     eth0\n" /* tentative */
                                "no address\n";
    struct guest_addresses found;
    ct_addresses_parse(trie, inet6, &found);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.items[0], "192.0.2.10");
    assert_string_equal(found.items[1], "2001:db8::216:3eff:fe00:1");
    ct_addresses_parse(NULL, NULL, &found);
    assert_int_equal(found.n, 0);
    char many[GUEST_ADDRESSES_MAX * 2 * 64] = "";
    for (int i = 0; i < GUEST_ADDRESSES_MAX * 2; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "|-- 192.0.2.%d\n/32 host LOCAL\n", i + 1);
    ct_addresses_parse(many, NULL, &found);
    assert_int_equal(found.n, GUEST_ADDRESSES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_libvirt_event_has_its_state_and_cause),
        cmocka_unit_test(events_that_change_no_state_say_nothing),
        cmocka_unit_test(each_libvirt_state_has_ours),
        cmocka_unit_test(a_container_is_unprivileged_limited_and_in_a_group_of_its_own),
        cmocka_unit_test(on_pure_version_2_the_limits_have_its_names),
        cmocka_unit_test(a_container_without_cards_is_not_in_the_hosts_network),
        cmocka_unit_test(a_container_without_a_range_of_ids_is_refused),
        cmocka_unit_test(a_console_log_is_bounded),
        cmocka_unit_test(the_limit_of_processes_leaves_room_on_the_host),
        cmocka_unit_test(the_addresses_of_a_container_are_those_of_its_own_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
