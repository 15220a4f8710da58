/* A virtual machine's XML, against files in tests/golden. LODGE_GOLDEN_WRITE=1 writes them anew: look at the
 * difference before committing it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/fs.h"
#include "guest/vm_owner.h"
#include "guest/vm_xml.h"

#define UUID "8c1f4f0e-2b1d-4f6f-9a7b-0123456789ab"

static const struct guest_disk disks[] = {
    {.at = {VOLUME_QCOW2, "/pool/volumes/a.qcow2"}, .serial = "lodge-a", .boot_order = 1, .slot = 0},
    {.at = {VOLUME_RAW, "/dev/lodge/b"}, .serial = "lodge-b", .slot = 3},
    {.at = {VOLUME_RAW, "/pool/iso/seed & tools <1>.iso"}, .cdrom = true, .boot_order = 2, .slot = 1},
};

static const struct guest_nic nics[] = {
    {.bridge = "lodge0", .mac = "52:54:00:11:22:33", .slot = 0},
    {.bridge = "br1",
        .mac = "52:54:00:11:22:34",
        .ifname = "web1-lan",
        .mtu = 9000,
        .link_down = true,
        .slot = 2},
};

static const bool direct_io[] = {true, true, false};
static const struct vm_xml_options options = {"test", "pc-q35-7.2", direct_io};

static struct guest_config small(void)
{
    return (struct guest_config){.uuid = UUID,
        .name = "web1",
        .type = GUEST_VM,
        .vcpus = 1,
        .memory_bytes = 256 << 20,
        .disks = disks,
        .n_disks = 1,
        .nics = nics,
        .n_nics = 1,
        .serial_log = "/state/log/web1.log",
        .runtime_dir = "/state/run/vm/web1"};
}

static char *build(const struct guest_config *config)
{
    char *xml = NULL;
    struct err e = {0};
    assert_int_equal(vm_xml_build(config, &options, &xml, &e), 0);
    return xml;
}

static void compare(const char *xml, const char *name)
{
    _cleanup_free_ char *path = mem_printf("tests/golden/%s", name), *wanted = NULL;
    if (getenv("LODGE_GOLDEN_WRITE")) {
        _cleanup_file_ FILE *file = fopen(path, "we");
        fputs(xml, file);
    }
    assert_int_equal(fs_read(AT_FDCWD, path, 1 << 20, &wanted, NULL, NULL), 0);
    assert_string_equal(xml, wanted);
}

static void an_emulated_machine_with_one_disk_and_one_card(void **state)
{
    (void)state;
    struct guest_config config = small();
    _cleanup_free_ char *xml = build(&config);
    compare(xml, "vm_small.xml");
}

static void a_machine_with_everything_under_kvm(void **state)
{
    (void)state;
    struct guest_config config = small();
    config.name = "a <\"name\"> & more";
    config.kvm = true;
    config.vcpus = 4;
    config.n_disks = ARRAY_SIZE(disks);
    config.n_nics = ARRAY_SIZE(nics);
    _cleanup_free_ char *xml = build(&config);
    compare(xml, "vm_large.xml");
}

static void a_machine_without_anything(void **state)
{
    (void)state;
    struct guest_config config = small();
    config.n_disks = config.n_nics = 0;
    config.runtime_dir = config.serial_log = NULL;
    _cleanup_free_ char *xml = build(&config);
    compare(xml, "vm_bare.xml");
}

/* The text of the element that holds `mark`, from <tag to </tag>; owned. */
static char *element(const char *xml, const char *tag, const char *mark)
{
    _cleanup_free_ char *open = mem_printf("<%s ", tag), *end = mem_printf("</%s>", tag);
    for (const char *at = xml; (at = strstr(at, open)); at++) {
        const char *stop = strstr(at, end);
        char *text = mem_strndup(at, (size_t)(stop - at));
        if (strstr(text, mark))
            return text;
        free(text);
    }
    fail_msg("no %s with %s", tag, mark);
    return NULL;
}

static void what_stays_does_not_move_when_something_goes(void **state)
{
    (void)state;
    struct guest_config before = small(), after = small();
    before.n_disks = 2;
    before.n_nics = 2;
    after.disks = &disks[1];
    after.nics = &nics[1];
    const bool direct[] = {true, true};
    const struct vm_xml_options same = {"test", "pc-q35-7.2", direct};
    _cleanup_free_ char *x = build(&before), *y = NULL;
    assert_int_equal(vm_xml_build(&after, &same, &y, NULL), 0);
    _cleanup_free_ char *disk_x = element(x, "disk", "lodge-b"), *disk_y = element(y, "disk", "lodge-b");
    _cleanup_free_ char *nic_x = element(x, "interface", "22:34"), *nic_y = element(y, "interface", "22:34");
    assert_string_equal(disk_x, disk_y);
    assert_string_equal(nic_x, nic_y);
    assert_non_null(strstr(disk_x, "bus=\"0x07\""));
    assert_non_null(strstr(nic_x, "bus=\"0x06\""));
}

static void ports_that_were_there_stay_when_more_are_needed(void **state)
{
    (void)state;
    struct guest_disk many[VM_DISKS_MAX];
    for (unsigned i = 0; i < VM_DISKS_MAX; i++)
        many[i] = (struct guest_disk){.at = {VOLUME_RAW, "/pool/x.raw"}, .slot = i};
    struct guest_config few = small(), all = small();
    all.disks = many;
    all.n_disks = VM_DISKS_MAX;
    const struct vm_xml_options plain = {"test", "pc-q35-7.2", NULL};
    _cleanup_free_ char *x = NULL, *y = NULL;
    assert_int_equal(vm_xml_build(&few, &plain, &x, NULL), 0);
    assert_int_equal(vm_xml_build(&all, &plain, &y, NULL), 0);
    for (int port = 1; port <= 8; port++) {
        _cleanup_free_ char *mark = mem_printf("type=\"pci\" index=\"%d\" ", port);
        _cleanup_free_ char *in_x = element(x, "controller", mark), *in_y = element(y, "controller", mark);
        assert_string_equal(in_x, in_y);
    }
    assert_null(strstr(x, "index=\"9\""));
    assert_non_null(strstr(y, "index=\"32\""));
    assert_null(strstr(y, "index=\"33\""));
}

static void slots_that_the_machine_does_not_have_are_refused(void **state)
{
    (void)state;
    struct guest_disk far = disks[0];
    far.slot = VM_DISKS_MAX;
    struct guest_nic far_nic = nics[0];
    far_nic.slot = VM_NICS_MAX;
    const struct guest_disk twice[] = {disks[0], disks[0]};
    struct guest_config with_disk = small(), with_nic = small(), with_twice = small();
    with_disk.disks = &far;
    with_nic.nics = &far_nic;
    with_twice.disks = twice;
    with_twice.n_disks = 2;
    char *xml = NULL;
    struct err e = {0};
    assert_int_equal(vm_xml_build(&with_disk, &options, &xml, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_int_equal(vm_xml_build(&with_nic, &options, &xml, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_int_equal(vm_xml_build(&with_twice, &options, &xml, &e), -1);
    assert_null(xml);
}

static void the_user_of_qemu_is_read_from_the_capabilities(void **state)
{
    (void)state;
    uid_t uid = 1;
    gid_t gid = 1;
    assert_true(
        vm_owner_in("<capabilities><host><secmodel><model>apparmor</model><baselabel "
                    "type='kvm'>+1:+1</baselabel></secmodel>"
                    "<secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+64055:+104</baselabel>"
                    "<baselabel type='qemu'>+7:+8</baselabel></secmodel></host></capabilities>",
            &uid, &gid));
    assert_int_equal(uid, 64055);
    assert_int_equal(gid, 104);
    static const char *const without[] = {"", "<capabilities>", "<capabilities><host/></capabilities>",
        "<capabilities><host><secmodel><model>dac</model><baselabel "
        "type='kvm'>root:root</baselabel></secmodel></host></capabilities>",
        "<capabilities><host><secmodel><model>dac</model><baselabel type='kvm'>+1:+2 "
        "</baselabel></secmodel></host></capabilities>"};
    for (size_t i = 0; i < ARRAY_SIZE(without); i++)
        assert_false(vm_owner_in(without[i], &uid, &gid));
    assert_int_equal(uid, 64055);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_emulated_machine_with_one_disk_and_one_card),
        cmocka_unit_test(a_machine_with_everything_under_kvm),
        cmocka_unit_test(a_machine_without_anything),
        cmocka_unit_test(what_stays_does_not_move_when_something_goes),
        cmocka_unit_test(ports_that_were_there_stay_when_more_are_needed),
        cmocka_unit_test(slots_that_the_machine_does_not_have_are_refused),
        cmocka_unit_test(the_user_of_qemu_is_read_from_the_capabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
