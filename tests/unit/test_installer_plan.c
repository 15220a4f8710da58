/* What is done to a machine: the steps, what they write, and what they may not touch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/installer_util.h"

#include "iso/installer/plan_inner.h"

#define TEST_ID "1a2b3c4d"

struct planned {
    struct arena arena;
    struct answer answer;
    struct inventory *inventory;
    struct target target;
    struct medium medium;
    struct plan_input input;
    struct plan plan;
    uint8_t seed[PLAN_SEED_BYTES];
    char *text;
};

static void plan_it(struct planned *p)
{
    struct buf out = {0};
    struct err e;
    free(p->text);
    plan_free(&p->plan);
    assert_int_equal(plan_make(&p->input, &p->plan, &e), 0);
    plan_print(&p->plan, &out);
    p->text = buf_take(&out);
}

static void plan_for(struct planned *p, const char *rest)
{
    _cleanup_complaints_ struct complaints c = {0};
    _cleanup_free_ char *text = mem_printf(HEAD "%s", rest);
    *p = (struct planned){.inventory = machine()};
    assert_int_equal(answer_read(text, strlen(text), &p->arena, &p->answer, &c), 0);
    assert_int_equal(choose_target(&p->answer, p->inventory, &p->target, &c), 0);
    for (int i = 0; i < MEDIUM_FILE_COUNT; i++)
        p->medium.files[i].size_bytes = 1000;
    p->input = (struct plan_input){&p->answer, p->inventory, &p->target, &p->medium, "$y$root", "$y$admin",
        NULL, "0123456789abcdef0123456789abcdef", TEST_ID, p->seed, "2026-11-26T00:00:00.000Z", "0.1.0",
        "/run/x.log", "/run/x"};
    plan_it(p);
}

static void plan_end(struct planned *p)
{
    free(p->text);
    plan_free(&p->plan);
    arena_free(&p->arena);
    inventory_free(p->inventory);
    free(p->inventory);
}

static void a_plan_touches_no_disk_but_the_chosen_one(void **state)
{
    (void)state;
    struct planned p;
    plan_for(&p, "[disk-setup]\ndisk-list=['B']");
    assert_non_null(strstr(p.text, "/dev/sdb1"));
    assert_null(strstr(p.text, "/dev/sda"));
    assert_null(strstr(p.text, "/dev/sdc"));
    assert_null(strstr(p.text, "mdadm"));
    plan_end(&p);
}

static void the_mark_of_a_complete_installation_is_written_last(void **state)
{
    (void)state;
    struct planned p;
    plan_for(&p, "[disk-setup]\ndisk-list=['B']");
    const char *begun = strstr(p.text, "--change-name=1:lodge-unfinished"),
               *mark = strstr(p.text, "--change-name=1:lodge-" TEST_ID "-bios");
    assert_non_null(begun);
    assert_non_null(mark);
    assert_true(begun < mark);
    assert_int_equal(p.plan.steps[p.plan.n - 2].phase, PHASE_FINISH);
    assert_string_equal(p.plan.steps[p.plan.n - 2].argv[1], "--change-name=1:lodge-" TEST_ID "-bios");
    for (size_t i = 0; i < p.plan.n; i++)
        assert_true(p.plan.steps[i].phase != PHASE_FINISH || !p.plan.steps[i].undo[0]);
    plan_end(&p);
}

static void a_mirror_starts_from_either_disk(void **state)
{
    (void)state;
    struct planned p;
    plan_for(&p, "[disk-setup]\nmirror=true\ndisk-list=['B','C']");
    assert_non_null(strstr(p.text, "--metadata=1.0 --homehost=<none>") ?: strstr(p.text, "--metadata=1.0"));
    assert_non_null(strstr(p.text, "--target=i386-pc --boot-directory=/run/x/esp0"));
    assert_non_null(strstr(p.text, "--target=i386-pc --boot-directory=/run/x/esp1"));
    assert_non_null(strstr(p.text, "--efi-directory=/run/x/esp1"));
    assert_non_null(strstr(p.text, "to /dev/md/lodge-" TEST_ID "-a, read back"));
    assert_non_null(strstr(p.text, "at the end: mdadm --stop /dev/md/lodge-" TEST_ID "-lvm"));
    plan_end(&p);
}

/* Where the medium was started by UEFI, the firmware learns of each disk, the first one last: it is then the
 * first in its order. */
static void firmware_learns_of_the_disks(void **state)
{
    (void)state;
    struct planned p;
    plan_for(&p, "[disk-setup]\nmirror=true\ndisk-list=['B','C']");
    assert_null(strstr(p.text, "--bootloader-id"));
    assert_non_null(strstr(p.text, "of=/dev/sdb bs=1 count=1 seek=446"));
    assert_non_null(strstr(p.text, "of=/dev/sdc bs=1 count=1 seek=446"));
    p.inventory->efi = true;
    plan_it(&p);
    assert_null(strstr(p.text, "seek=446"));
    const char *second = strstr(p.text, "esp1 --bootloader-id=lodge2");
    assert_non_null(second);
    assert_non_null(strstr(second, "esp0 --bootloader-id=lodge\n"));
    plan_end(&p);
}

/* What the first step writes whose path has this in it; NULL when there is none. */
static const char *written(const struct plan *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->steps[i].action == STEP_WRITE && strstr(p->steps[i].path, path))
            return p->steps[i].text;
    return NULL;
}

static void every_name_that_others_could_have_carries_the_installations_id(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "[disk-setup]\ndisk-list=['B']", "[disk-setup]\nmirror=true\ndisk-list=['B','C']"};
    static const char *const always[] = {"--change-name=2:lodge-" TEST_ID "-esp",
        "--change-name=3:lodge-" TEST_ID "-a", "--change-name=4:lodge-" TEST_ID "-b",
        "--change-name=5:lodge-" TEST_ID "-state", "--change-name=6:lodge-" TEST_ID "-lvm",
        "run vgcreate lodge_" TEST_ID " ", "at the end: vgchange --activate n lodge_" TEST_ID "\n",
        "wait for /dev/lodge_" TEST_ID "/local", "mkfs.vfat -F 32 -n LODGE-ESP -i " TEST_ID " /dev/sdb2"};
    static const char *const of_a_mirror[] = {"--name=lodge-" TEST_ID "-a ", "--name=lodge-" TEST_ID "-b ",
        "--name=lodge-" TEST_ID "-state ", "--name=lodge-" TEST_ID "-lvm ", " -i 1a2b3c4c /dev/sdc2"};
    for (size_t n_disks = 1; n_disks <= 2; n_disks++) {
        struct planned p;
        plan_for(&p, answers[n_disks - 1]);
        for (size_t i = 0; i < ARRAY_SIZE(always); i++)
            if (!strstr(p.text, always[i]))
                fail_msg("%zu disks: not in the plan: %s\n%s", n_disks, always[i], p.text);
        for (size_t i = 0; i < ARRAY_SIZE(of_a_mirror); i++)
            assert_true((strstr(p.text, of_a_mirror[i]) != NULL) == (n_disks == 2));
        assert_null(strstr(p.text, "lodge-state"));
        plan_end(&p);
    }
}

static void grub_tells_the_kernel_whose_disks_it_starts_from(void **state)
{
    (void)state;
    struct planned p;
    plan_for(&p, "[disk-setup]\ndisk-list=['B']");
    const char *menu = written(&p.plan, "grub/grub.cfg");
    assert_true(text_starts(menu, "set lodge_disks=\"lodge.id=" TEST_ID "\"\n"));
    assert_non_null(strstr(menu, "set common=\"boot=lodge $lodge_disks "));
    assert_null(strstr(menu, "search")); /* its own file system it knows from grub-install */
    plan_end(&p);
    plan_for(&p, "[disk-setup]\nmirror=true\ndisk-list=['B','C']");
    assert_true(text_starts(
        written(&p.plan, "grub/grub.cfg"), "set lodge_disks=\"lodge.id=" TEST_ID " lodge.mirror\"\n"));
    plan_end(&p);
}

static void secrets_are_not_in_a_printed_plan(void **state)
{
    (void)state;
    struct planned p;
    plan_for(&p, "[disk-setup]\ndisk-list=['B']");
    assert_null(strstr(p.text, "$y$"));
    assert_null(strstr(p.text, "12345678"));
    plan_end(&p);
}

static void what_was_active_on_a_disk_is_released_first(void **state)
{
    (void)state;
    struct planned p;
    plan_for(&p, "[disk-setup]\ndisk-list=['B']");
    p.inventory->disks[1].groups = (struct name_list){{"old"}, 1};
    p.inventory->disks[1].arrays = (struct name_list){{"/dev/md127"}, 1};
    p.inventory->disks[1].parts = (struct name_list){{"/dev/sdb7"}, 1};
    struct plan again;
    struct err e;
    assert_int_equal(plan_make(&p.input, &again, &e), 0);
    assert_string_equal(again.steps[0].argv[0], "vgchange");
    assert_string_equal(again.steps[0].argv[3], "old");
    assert_string_equal(again.steps[1].argv[2], "/dev/md127");
    assert_string_equal(again.steps[2].argv[3], "/dev/sdb7");
    plan_free(&again);
    plan_end(&p);
}

static void fill_names(struct name_list *list)
{
    while (list->n < NAMES_MAX)
        list->items[list->n++] = "name";
}

static void disks_full_of_partitions_and_groups_have_a_plan(void **state)
{
    (void)state;
    struct planned p;
    plan_for(&p, "[disk-setup]\nmirror=true\ndisk-list=['B','C']");
    for (size_t i = 1; i <= 2; i++) {
        fill_names(&p.inventory->disks[i].parts);
        fill_names(&p.inventory->disks[i].groups);
        fill_names(&p.inventory->disks[i].arrays);
    }
    struct plan again;
    struct err e;
    assert_int_equal(plan_make(&p.input, &again, &e), 0);
    assert_int_equal(again.n, p.plan.n + 2 * 3 * NAMES_MAX);
    plan_free(&again);
    plan_end(&p);
}

static void host_json_says_what_the_answer_said(void **state)
{
    (void)state;
    struct planned p;
    struct err e;
    plan_for(&p, "[disk-setup]\ndisk-list=['B']\n[network]\nsource='from-answer'\ncidr='192.0.2.10/"
                 "24'\ngateway='192.0.2.1'\n"
                 "dns='192.0.2.1'\nvlan=7");
    _cleanup_free_ char *text = host_json(&p.input);
    _cleanup_json_ json_t *json = NULL;
    assert_int_equal(json_parse(text, strlen(text), "host.json", &json, &e), 0);
    json_t *network = json_get_obj(json, "network");
    assert_string_equal(json_get_str(json, "id", ""), TEST_ID);
    assert_string_equal(json_get_str(json, "hostname", ""), "a");
    assert_string_equal(json_get_str(json, "domain", ""), "b");
    assert_string_equal(json_get_str(json, "keyboard", ""), "us");
    assert_string_equal(json_get_str(network, "mode", ""), "static");
    assert_string_equal(json_get_str(network, "address", ""), "192.0.2.10/24");
    assert_int_equal(json_get_int(network, "vlan", 0), 7);
    json_t *first = json_array_get(json_get_arr(network, "nics"), 0);
    assert_string_equal(json_get_str(first, "mac", ""), "52:54:00:00:00:02");
    assert_string_equal(json_get_str(first, "name", ""), "lan0");
    assert_string_equal(json_get_str(json_get_obj(json, "admin"), "password_hash", ""), "$y$admin");
    assert_null(strstr(text, "12345678"));
    plan_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_touches_no_disk_but_the_chosen_one),
        cmocka_unit_test(the_mark_of_a_complete_installation_is_written_last),
        cmocka_unit_test(a_mirror_starts_from_either_disk),
        cmocka_unit_test(firmware_learns_of_the_disks),
        cmocka_unit_test(every_name_that_others_could_have_carries_the_installations_id),
        cmocka_unit_test(grub_tells_the_kernel_whose_disks_it_starts_from),
        cmocka_unit_test(secrets_are_not_in_a_printed_plan),
        cmocka_unit_test(what_was_active_on_a_disk_is_released_first),
        cmocka_unit_test(disks_full_of_partitions_and_groups_have_a_plan),
        cmocka_unit_test(host_json_says_what_the_answer_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
