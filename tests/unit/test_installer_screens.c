/* Where the screens lead, and what they let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/installer_util.h"

#include "iso/installer/ui_model.h"

static void screens_lead_forward_and_back_and_keep_what_was_entered(void **state)
{
    (void)state;
    struct inventory *i = machine();
    _cleanup_free_ struct ui_model *m = mem_new(struct ui_model, 1);
    ui_model_init(m, i);
    assert_int_equal(m->disk, 0);
    assert_int_equal(m->nic, 1); /* the one with a link */
    m->disk = 1;
    static const enum ui_screen plain[] = {SCREEN_WELCOME, SCREEN_KEYBOARD, SCREEN_DISK, SCREEN_NETWORK,
        SCREEN_HOST, SCREEN_ADMIN, SCREEN_ROOT, SCREEN_ZONE, SCREEN_SUMMARY, SCREEN_INSTALL};
    for (size_t k = 0; k < ARRAY_SIZE(plain); k++, ui_model_next(m))
        assert_int_equal(m->at, plain[k]);
    m->at = SCREEN_HOST;
    m->dhcp = false;
    m->mirror = true;
    ui_model_back(m);
    assert_int_equal(m->at, SCREEN_ADDRESS);
    ui_model_back(m);
    ui_model_back(m);
    assert_int_equal(m->at, SCREEN_SECOND_DISK);
    m->mirror = false;
    m->disk = 0; /* Windows */
    m->at = SCREEN_SUMMARY;
    ui_model_next(m);
    assert_int_equal(m->at, SCREEN_CONFIRM);
    inventory_free(i);
    free(i);
}

static void a_disk_that_changed_since_it_was_shown_is_noticed(void **state)
{
    (void)state;
    struct inventory *before = machine(), *now = machine();
    _cleanup_free_ struct ui_model *m = mem_new(struct ui_model, 1);
    ui_model_init(m, before);
    m->disk = 1;
    assert_true(ui_model_is_current(m, now));
    now->disks[0].holds = "something else"; /* not chosen */
    assert_true(ui_model_is_current(m, now));
    now->disks[1].state = DISK_LODGE; /* another console has installed */
    assert_false(ui_model_is_current(m, now));
    now->disks[1] = before->disks[1];
    now->disks[1].mounted = "/mnt";
    assert_false(ui_model_is_current(m, now));
    now->disks[1] = before->disks[1];
    now->disks[1].serial = "another"; /* it has the name of one that was pulled out */
    assert_false(ui_model_is_current(m, now));
    assert_false(ui_model_follow(m, now));
    assert_int_equal(m->disk, 0);
    inventory_free(before);
    inventory_free(now);
    free(before);
    free(now);
}

static void what_is_still_there_stays_chosen(void **state)
{
    (void)state;
    struct inventory *before = machine(), *now = machine();
    _cleanup_free_ struct ui_model *m = mem_new(struct ui_model, 1);
    ui_model_init(m, before);
    m->disk = 2;
    m->second_disk = 1;
    m->mirror = true;
    m->nic = 1;
    memmove(now->disks, now->disks + 1, --now->n_disks * sizeof(*now->disks)); /* the first disk is gone */
    now->nics[0] = before->nics[1];
    now->nics[1] = before->nics[0];
    assert_true(ui_model_is_current(m, now));
    assert_true(ui_model_follow(m, now));
    assert_int_equal(m->disk, 1);
    assert_int_equal(m->second_disk, 0);
    assert_int_equal(m->nic, 0);
    assert_ptr_equal(m->inventory, now);
    inventory_free(before);
    inventory_free(now);
    free(before);
    free(now);
}

static void a_screen_is_left_only_with_values_that_work(void **state)
{
    (void)state;
    static const struct {
        enum ui_screen at;
        const char *one, *two, *wanted; /* "": may be left */
    } rows[] = {
        {SCREEN_HOST, "", "", "is missing"},
        {SCREEN_HOST, "host_1", "", "is no host name"},
        {SCREEN_HOST, "host1", "", ""},
        {SCREEN_ADMIN, "short", "short", "fewer than 8"},
        {SCREEN_ADMIN, "long enough", "long enouhg", "differently"},
        {SCREEN_ADMIN, "long enough", "long enough", ""},
        {SCREEN_ROOT, "", "", ""},
        {SCREEN_ROOT, "long enough", "", "differently"},
        {SCREEN_ADDRESS, "192.0.2.1", "", "has no prefix"},
        {SCREEN_ADDRESS, "192.0.2.1/24", "198.51.100.1", "is not in the network"},
        {SCREEN_ADDRESS, "192.0.2.1/24", "192.0.2.254", ""},
        {SCREEN_ADDRESS, "192.0.2.1/24", "192.0.2.1", "the address of the host itself"},
        {SCREEN_ADDRESS, "192.0.2.1/24", "fe80::1", "is not in the network"},
        {SCREEN_ADDRESS, "2001:db8::2/64", "fe80::1", ""},
        {SCREEN_CONFIRM, "yes", "", "Type sda"},
        {SCREEN_CONFIRM, "sda", "", ""},
    };
    struct inventory *i = machine();
    _cleanup_free_ struct ui_model *m = mem_new(struct ui_model, 1);
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        char why[512];
        ui_model_init(m, i);
        m->at = rows[k].at;
        char *ones[] = {m->host, m->admin, m->root, m->cidr, m->confirmed},
             *twos[] = {m->admin_again, m->root_again, m->gateway};
        for (size_t n = 0; n < ARRAY_SIZE(ones); n++)
            snprintf(ones[n], UI_TEXT_MAX, "%s", rows[k].one);
        for (size_t n = 0; n < ARRAY_SIZE(twos); n++)
            snprintf(twos[n], UI_TEXT_MAX, "%s", rows[k].two);
        assert_int_equal(ui_model_may_leave(m, why), !*rows[k].wanted);
        if (!strstr(why, rows[k].wanted))
            fail_msg("row %zu says: %s", k, why);
    }
    inventory_free(i);
    free(i);
}

static void a_key_that_the_configuration_could_not_hold_is_refused(void **state)
{
    (void)state;
    char why[WHY_MAX];
#define KEY_ECDSA                                                                                            \
    "ecdsa-sha2-nistp256 "                                                                                   \
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBP6vjjDQWn0UVN4s+2btM7kAnU"                         \
    "vDJVBceJB8FIB1VUwS24h3dCiuFb//AfnGbYIhDvOVnpwr71tMhgSZ7aYo+6w="
#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8QpH6zGkq5n0H2E4m1N6J0rXWQy0l3i2uYb0g7c9aP"
    assert_true(format_ssh_key.check(KEY " ren\xc3\xa9@host", why));
    assert_false(format_ssh_key.check(KEY " ren\xe9@host", why)); /* as a terminal of Latin-1 sends it */
    assert_false(format_ssh_key.check(KEY " me@host\r", why));
    assert_true(format_ssh_key.check(KEY_ECDSA, why));
    for (size_t n = strlen(KEY) - 1; n > 12; n--) { /* as a narrow field, or a hasty hand, leaves it */
        char cut[sizeof(KEY)];
        snprintf(cut, sizeof(cut), "%.*s", (int)n, KEY);
        assert_false(format_ssh_key.check(cut, why));
    }
    _cleanup_free_ char *other = mem_strdup(KEY_ECDSA); /* says one curve before, and another one within */
    memcpy(other, "ecdsa-sha2-nistp384", strlen("ecdsa-sha2-nistp384"));
    assert_false(format_ssh_key.check(other, why));
    assert_false(format_ssh_key.check(KEY " \x1b[200~", why)); /* a terminal's mark of what was pasted */
}

static void what_was_chosen_by_screens_is_an_answer_without_complaints(void **state)
{
    (void)state;
    struct inventory *i = machine();
    _cleanup_free_ struct ui_model *m = mem_new(struct ui_model, 1);
    _cleanup_complaints_ struct complaints c = {0};
    struct answer a;
    struct target t;
    ui_model_init(m, i);
    snprintf(m->host, sizeof(m->host), "h.example");
    snprintf(m->admin, sizeof(m->admin), "long enough");
    snprintf(m->cidr, sizeof(m->cidr), "192.0.2.10/24");
    snprintf(m->dns, sizeof(m->dns), "192.0.2.1, 192.0.2.2");
    m->dhcp = false;
    ui_model_answer(m, &a);
    answer_check(&a, &c);
    assert_int_equal(choose_target(&a, i, &t, &c), 0);
    assert_int_equal(c.errors, 0);
    assert_int_equal(a.network.dns.n, 2);
    assert_string_equal(t.disks[0]->path, "/dev/sda");
    assert_string_equal(t.nic->name, "enp2s0");
    inventory_free(i);
    free(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_lead_forward_and_back_and_keep_what_was_entered),
        cmocka_unit_test(a_disk_that_changed_since_it_was_shown_is_noticed),
        cmocka_unit_test(what_is_still_there_stays_chosen),
        cmocka_unit_test(a_screen_is_left_only_with_values_that_work),
        cmocka_unit_test(a_key_that_the_configuration_could_not_hold_is_refused),
        cmocka_unit_test(what_was_chosen_by_screens_is_an_answer_without_complaints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
