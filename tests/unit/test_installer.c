/* The installer's decisions: which disk an answer means, what is done to it, where screens lead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "iso/installer/apply.h"
#include "iso/installer/copy.h"
#include "iso/installer/fetch.h"
#include "iso/installer/plan_inner.h"
#include "iso/installer/source.h"
#include "iso/installer/ui_model.h"

#define GB UINT64_C(1000000000)

/* ---- which disk and card an answer means ---- */

static struct disk small_disk(
    const char *path, const char *serial, uint64_t size_bytes, enum disk_state state)
{
    return (struct disk){.path = path,
        .name = path + strlen("/dev/"),
        .model = "Model X",
        .serial = serial,
        .wwn = "",
        .transport = "sata",
        .size_bytes = size_bytes,
        .state = state,
        .holds = state == DISK_DATA ? "Windows, 3 partitions" : "empty"};
}

/* sda holds Windows, sdb and sdc are empty (the latter smaller), sdd is too small, sde is mounted, sdf is the
 * medium, sdg was cut short. */
static struct inventory *machine(void)
{
    struct inventory *i = mem_new(struct inventory, 1);
    i->disks[i->n_disks++] = small_disk("/dev/sda", "A", 500 * GB, DISK_DATA);
    i->disks[i->n_disks++] = small_disk("/dev/sdb", "B", 500 * GB, DISK_EMPTY);
    i->disks[i->n_disks++] = small_disk("/dev/sdc", "C", 300 * GB, DISK_EMPTY);
    i->disks[i->n_disks++] = small_disk("/dev/sdd", "D", 8 * GB, DISK_EMPTY);
    i->disks[i->n_disks++] = small_disk("/dev/sde", "E", 500 * GB, DISK_DATA);
    i->disks[4].mounted = "/srv";
    i->disks[i->n_disks++] = small_disk("/dev/sdf", "F", 500 * GB, DISK_DATA);
    i->disks[5].medium = true;
    i->disks[i->n_disks++] = small_disk("/dev/sdg", "G", 16 * GB, DISK_UNFINISHED);
    i->nics[i->n_nics++] = (struct nic){"enp1s0", "52:54:00:00:00:01", "e1000e", false, 0};
    i->nics[i->n_nics++] = (struct nic){"enp2s0", "52:54:00:00:00:02", "e1000e", true, 1000};
    return i;
}

#define HEAD "[global]\nfqdn='a.b'\nroot-password='12345678'\n[users]\nadmin-password='12345678'\n"

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

/* ---- the plan ---- */

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

static void plan_for(struct planned *p, const char *rest)
{
    _cleanup_complaints_ struct complaints c = {0};
    _cleanup_free_ char *text = mem_printf(HEAD "%s", rest);
    struct buf out = {0};
    struct err e;
    *p = (struct planned){.inventory = machine()};
    assert_int_equal(answer_read(text, strlen(text), &p->arena, &p->answer, &c), 0);
    assert_int_equal(choose_target(&p->answer, p->inventory, &p->target, &c), 0);
    for (int i = 0; i < MEDIUM_FILE_COUNT; i++)
        p->medium.files[i].size_bytes = 1000;
    p->input = (struct plan_input){&p->answer, p->inventory, &p->target, &p->medium, "$y$root", "$y$admin",
        NULL, "0123456789abcdef0123456789abcdef", TEST_ID, p->seed, "2026-11-26T00:00:00.000Z", "0.1.0",
        "/run/x.log", "/run/x"};
    assert_int_equal(plan_make(&p->input, &p->plan, &e), 0);
    plan_print(&p->plan, &out);
    p->text = buf_take(&out);
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
    while (list->n < INVENTORY_MAX)
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
    assert_int_equal(again.n, p.plan.n + 2 * 3 * INVENTORY_MAX);
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

/* ---- doing it ---- */

static char scratch[] = "/tmp/lodge-installer-test-XXXXXX";

static int make_scratch(void **state)
{
    (void)state;
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    struct err e;
    _cleanup_close_ int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fs_remove_tree(tmp, scratch + strlen("/tmp/"), &e);
}

static char *in_scratch(const char *name)
{
    return mem_printf("%s/%s", scratch, name);
}

static void a_step_that_fails_undoes_those_before_and_says_why(void **state)
{
    (void)state;
    _cleanup_free_ char *made = in_scratch("made"), *log = in_scratch("log");
    struct step steps[] = {
        {.action = STEP_RUN, .title = "First", .argv = {"touch", made}, .undo = {"rm", made}, .weight = 1},
        {.action = STEP_RUN, .title = "Second", .argv = {"ls", "/nowhere/at/all"}, .weight = 1},
        {.action = STEP_RUN, .title = "Third", .argv = {"touch", log, "never"}, .weight = 1},
    };
    struct plan plan = {.steps = steps, .n = ARRAY_SIZE(steps)};
    struct err e;
    assert_int_equal(apply_run(&(struct apply){.plan = &plan, .log_path = log}, &e), -1);
    assert_non_null(strstr(e.detail, "Second: ls failed with code 2: ls: "));
    assert_int_equal(access(made, F_OK), -1);
    _cleanup_free_ char *text = NULL;
    assert_int_equal(fs_read(AT_FDCWD, log, 65536, &text, NULL, &e), 0);
    assert_non_null(strstr(text, "installation FAILED: Second"));
    assert_null(strstr(text, "Third"));
}

static void everything_is_released_before_the_last_phase(void **state)
{
    (void)state;
    _cleanup_free_ char *made = in_scratch("held"), *log = in_scratch("log2");
    struct step steps[] = {
        {.phase = PHASE_HOST,
            .action = STEP_RUN,
            .title = "Hold",
            .argv = {"touch", made},
            .undo = {"rm", made},
            .weight = 1},
        {.phase = PHASE_FINISH, .action = STEP_RUN, .argv = {"test", "!", "-e", made}, .weight = 1},
    };
    struct plan plan = {.steps = steps, .n = ARRAY_SIZE(steps)};
    struct err e;
    assert_int_equal(apply_run(&(struct apply){.plan = &plan, .log_path = log}, &e), 0);
}

static void a_copy_is_believed_only_with_the_right_checksum(void **state)
{
    (void)state;
    _cleanup_free_ char *from = in_scratch("from"), *to = in_scratch("to");
    char sum[65];
    struct err e;
    _cleanup_close_ int dir = open(scratch, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fs_write_atomic(dir, "from", "content", 7, 0644, &e), 0);
    assert_int_equal(file_sha256(from, 7, sum, &e), 0);
    struct copy c = {.from = from, .to = to, .sha256 = sum, .size_bytes = 7, .mode = 0644};
    assert_int_equal(copy_verified(&c, &e), 0);
    sum[0] = sum[0] == '0' ? '1' : '0';
    assert_int_equal(copy_verified(&c, &e), -1);
    assert_non_null(strstr(e.detail, "the installation medium is damaged"));
    c.size_bytes = 9;
    assert_int_equal(copy_verified(&c, &e), -1);
    assert_non_null(strstr(e.detail, "ends too early"));
    c.mode = 0; /* a device is expected, and this is a file */
    assert_int_equal(copy_verified(&c, &e), -1);
}

static void the_kernels_command_line_is_read_word_by_word(void **state)
{
    (void)state;
    static const char line[] = "boot=lodge lodge.answer=https://a/?x=1 lodge.unattended xlodge.check quiet\n";
    _cleanup_free_ char *url = cmdline_value(line, "lodge.answer"),
                        *word = cmdline_value(line, "lodge.unattended");
    assert_string_equal(url, "https://a/?x=1");
    assert_string_equal(word, "");
    assert_null(cmdline_value(line, "lodge.check"));
    assert_null(cmdline_value(line, "lodge"));
}

static void checksums_are_found_by_name(void **state)
{
    (void)state;
    char sum[65];
    _cleanup_free_ char *sums =
        mem_printf("%064d  ./lodge/vmlinuz\n%063d1 *initrd.img\nshort  lodge.squashfs\n", 0, 0);
    assert_true(sums_find(sums, "vmlinuz", sum));
    assert_true(sums_find(sums, "initrd.img", sum));
    assert_int_equal(sum[63], '1');
    assert_false(sums_find(sums, "lodge.squashfs", sum));
}

/* ---- the screens ---- */

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
        cmocka_unit_test(the_disk_that_an_answer_means_is_found),
        cmocka_unit_test(what_cannot_be_done_on_a_machine_is_refused_with_key_line_and_reason),
        cmocka_unit_test(a_disk_over_two_paths_is_no_mirror),
        cmocka_unit_test(a_machine_without_a_card_is_refused),
        cmocka_unit_test(a_plan_touches_no_disk_but_the_chosen_one),
        cmocka_unit_test(the_mark_of_a_complete_installation_is_written_last),
        cmocka_unit_test(a_mirror_starts_from_either_disk),
        cmocka_unit_test(every_name_that_others_could_have_carries_the_installations_id),
        cmocka_unit_test(grub_tells_the_kernel_whose_disks_it_starts_from),
        cmocka_unit_test(secrets_are_not_in_a_printed_plan),
        cmocka_unit_test(what_was_active_on_a_disk_is_released_first),
        cmocka_unit_test(disks_full_of_partitions_and_groups_have_a_plan),
        cmocka_unit_test(host_json_says_what_the_answer_said),
        cmocka_unit_test(a_step_that_fails_undoes_those_before_and_says_why),
        cmocka_unit_test(everything_is_released_before_the_last_phase),
        cmocka_unit_test(a_copy_is_believed_only_with_the_right_checksum),
        cmocka_unit_test(the_kernels_command_line_is_read_word_by_word),
        cmocka_unit_test(checksums_are_found_by_name),
        cmocka_unit_test(screens_lead_forward_and_back_and_keep_what_was_entered),
        cmocka_unit_test(a_disk_that_changed_since_it_was_shown_is_noticed),
        cmocka_unit_test(what_is_still_there_stays_chosen),
        cmocka_unit_test(a_screen_is_left_only_with_values_that_work),
        cmocka_unit_test(a_key_that_the_configuration_could_not_hold_is_refused),
        cmocka_unit_test(what_was_chosen_by_screens_is_an_answer_without_complaints),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
