/* Which disk and card an answer means, and what is refused on a machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/unit/installer_util.h"

#include "iso/installer/choose.h"

/* "" and the target, or the complaints. */
static char *choose(const struct inventory *i, const char *rest, struct target *ret)
{
    _cleanup_arena_ struct arena arena = {0};
    _cleanup_complaints_ struct complaints c = {0};
    _cleanup_free_ char *text = mem_printf(HEAD "%s", rest);
    struct answer a;
    struct buf out = {0};
    if (answer_read(text, strlen(text), &arena, &a, &c) == 0)
        choose_target(&a, i, ret, &c);
    complaints_print(&c, "f", &out);
    return buf_take(&out);
}

static const char *chosen(const struct target *t, size_t disk)
{
    return disk < t->n_disks ? t->disks[disk]->path : "";
}

static void the_disk_that_an_answer_means_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *first, *second;
    } rows[] = {
        {"[disk-setup]\ndisk-list=['B']", "/dev/sdb", ""},
        {"[disk-setup]\ndisk-list=['/dev/sdb']", "/dev/sdb", ""},
        {"[disk-setup]\ndisk-list=['sda']\nwipe=true", "/dev/sda", ""},
        {"[disk-setup]\nfilter.size-max='100GiB'\nfilter.size-min='10GiB'", "/dev/sdg", ""},
        {"[disk-setup]\nfilter.serial='b'", "/dev/sdb", ""},
        {"[disk-setup]\ndisk-list=['C','B']\nmirror=true", "/dev/sdc", "/dev/sdb"},
    };
    struct inventory *i = machine();
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        struct target t = {0};
        _cleanup_free_ char *out = choose(i, rows[k].text, &t);
        assert_false(strstr(out, "cannot") || strstr(out, "no disk"));
        assert_string_equal(chosen(&t, 0), rows[k].first);
        assert_string_equal(chosen(&t, 1), rows[k].second);
        assert_ptr_equal(t.nic, &i->nics[1]); /* the one with a link */
    }
    inventory_free(i);
    free(i);
}

static void what_cannot_be_done_on_a_machine_is_refused_with_key_line_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"[disk-setup]\ndisk-list=['Z']",
            "f:7: [disk-setup] disk-list: no disk is \"Z\"\n    The machine has: /dev/sda (Model X, A)"},
        {"[disk-setup]\ndisk-list=['A']", "f:7: [disk-setup] disk-list: /dev/sda (Model X, A) is not empty: "
                                          "Windows, 3 partitions\n    Write wipe = true"},
        {"[disk-setup]\ndisk-list=['D']", "cannot be taken: it is too small: Lodge needs at least 16 GB"},
        {"[disk-setup]\nwipe=true\ndisk-list=['E']",
            "f:8: [disk-setup] disk-list: /dev/sde (Model X, E) cannot be taken: /dev/sde is in use (/srv)\n "
            "   Unmount it first"},
        {"[disk-setup]\nwipe=true\ndisk-list=['F']", "it is the medium that Lodge is being installed from"},
        {"[disk-setup]\nwipe=true\nfilter.model='Model*'",
            "f:8: [disk-setup] filter: matches 6 disks; it must match exactly one"},
        {"[disk-setup]\nmirror=true\nfilter.serial='B'",
            "matches 1 disk; it must match exactly two, since mirror = true"},
        {"[disk-setup]\nmirror=true\ndisk-list=['B','/dev/sdb']", "names /dev/sdb twice"},
        {"[disk-setup]\ndisk-list=['B']\n[storage]\nlocal='600GiB'",
            "f:9: [storage] local: is more than the disk has"},
        {"[disk-setup]\ndisk-list=['B']\n[storage]\nlocal='450GiB'", /* fits beside a state of 4 GiB only */
            "f:9: [storage] local: is more than the disk has: 445 GiB are left"},
        {"[disk-setup]\ndisk-list=['G']\n[storage]\nlocal='5%'",
            "f:9: [storage] local: is too small a share"},
        {"[disk-setup]\ndisk-list=['G']\n[storage]\nstate='9GiB'", "f:9: [storage] state: leaves"},
        {"[disk-setup]\ndisk-list=['B']\n[network]\nfilter.mac='52:54:00:00:00:09'",
            "f:9: [network] filter.mac: matches 0 network cards"},
        {"[disk-setup]\ndisk-list=['B']\n[network]\nfilter.name='enp*'",
            "f:9: [network] filter.name: matches 2 network cards"},
        {"[disk-setup]\ndisk-list=['B']\n[network]\nfilter.name='enp1s0'",
            "warning: [network]: enp1s0 (52:54:00:00:00:01) has no link"},
        {"[disk-setup]\nmirror=true\ndisk-list=['B','C']",
            "warning: [disk-setup] mirror: the disks differ in size: the smaller one counts"},
    };
    struct inventory *i = machine();
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        struct target t = {0};
        _cleanup_free_ char *out = choose(i, rows[k].text, &t);
        if (!strstr(out, rows[k].wanted))
            fail_msg("row %zu gives:\n%s\nwanted: %s", k, out, rows[k].wanted);
        assert_true((t.n_disks == 0) == (strstr(out, "warning") == NULL));
    }
    inventory_free(i);
    free(i);
}

static void a_disk_over_two_paths_is_no_mirror(void **state)
{
    (void)state;
    struct inventory *i = machine();
    i->disks[i->n_disks++] = small_disk("/dev/sdh", "B", 500 * GB, DISK_EMPTY);
    i->disks[1].wwn = "0x5000c500a1b2c3d4";
    i->disks[7].wwn = "5000C500A1B2C3D4";
    struct target t = {0};
    _cleanup_free_ char *out = choose(i, "[disk-setup]\nmirror=true\ndisk-list=['sdb','sdh']", &t);
    assert_non_null(
        strstr(out, "f:8: [disk-setup] disk-list: /dev/sdb and /dev/sdh are one disk, seen over two paths"));
    i->disks[7].serial = "H"; /* a maker who gives all disks the same name */
    _cleanup_free_ char *other = choose(i, "[disk-setup]\nmirror=true\ndisk-list=['sdb','sdh']", &t);
    assert_string_equal(other, "");
    inventory_free(i);
    free(i);
}

static void a_disk_that_cannot_be_read_is_not_taken(void **state)
{
    (void)state;
    struct inventory *i = machine();
    struct target t = {0};
    inventory_note_surface(i, &i->disks[1], &(struct surface){.error = EIO});
    _cleanup_free_ char *out = choose(i, "[disk-setup]\nwipe=true\ndisk-list=['B']", &t);
    assert_non_null(strstr(out, "cannot be taken: it cannot be read (Input/output error)"));
    assert_int_equal(t.n_disks, 0);
    inventory_free(i);
    free(i);
}

static void disks_that_are_too_many_to_be_looked_at_are_counted(void **state)
{
    (void)state;
    struct inventory *i = machine();
    struct target t = {0};
    _cleanup_json_ json_t *nodes = json_array();
    for (int k = 0; k < DISKS_MAX; k++)
        json_array_append_new(nodes, json_pack("{s:s, s:s, s:s, s:I}", "name", "sdz", "path", "/dev/sdz",
                                         "type", "disk", "size", (json_int_t)(500 * GB)));
    _cleanup_json_ json_t *lsblk = json_pack("{s:O}", "blockdevices", nodes);
    size_t before = i->n_disks;
    inventory_add_disks(i, lsblk, NULL);
    assert_true(i->n_disks > 200); /* some shelves full */
    assert_int_equal(i->n_disks, DISKS_MAX);
    assert_int_equal(i->disks_left_out, before);
    _cleanup_free_ char *out = choose(i, "[disk-setup]\ndisk-list=['B']", &t);
    assert_non_null(
        strstr(out, "warning: [disk-setup] disk-list: the machine has 263 disks; only the first 256"));
    assert_string_equal(chosen(&t, 0), "/dev/sdb");
    _cleanup_free_ char *refused = choose(i, "[disk-setup]\ndisk-list=['Z']", &t);
    assert_non_null(strstr(refused, "; and 7 more, which are too many to be looked at"));
    inventory_free(i);
    free(i);
}

static void a_machine_without_a_card_is_refused(void **state)
{
    (void)state;
    struct inventory *i = machine();
    struct target t = {0};
    i->n_nics = 0;
    _cleanup_free_ char *out = choose(i, "[disk-setup]\ndisk-list=['B']", &t);
    assert_non_null(strstr(out, "[network]: the machine has no network card"));
    assert_null(strstr(out, "warning: [network]"));
    assert_int_equal(t.n_disks, 0); /* nothing was chosen */
    inventory_free(i);
    free(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_disk_that_an_answer_means_is_found),
        cmocka_unit_test(what_cannot_be_done_on_a_machine_is_refused_with_key_line_and_reason),
        cmocka_unit_test(a_disk_over_two_paths_is_no_mirror),
        cmocka_unit_test(a_disk_that_cannot_be_read_is_not_taken),
        cmocka_unit_test(disks_that_are_too_many_to_be_looked_at_are_counted),
        cmocka_unit_test(a_machine_without_a_card_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
