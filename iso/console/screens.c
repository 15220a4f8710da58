#include "iso/console/screens.h"

#include "base/log.h"
#include "iso/common/formats.h"
#include "iso/common/secret.h"
#include "iso/common/ui_page.h"
#include "iso/console/host_file.h"
#include "iso/console/lodged.h"
#include "iso/console/place.h"
#include "iso/console/proof.h"
#include "iso/console/shell.h"

#define NAME_MAX_BYTES   128
#define POWER_TIMEOUT_MS 20000
#define APPLY_TIMEOUT_MS 60000

void screen_say(const char *title, const char *text)
{
    struct page p = page_open(title, text, "OK", NULL, NULL);
    page_run(&p, IDLE_MS);
    page_close(&p);
}

void screen_say_error(const char *title, const struct err *e)
{
    _cleanup_free_ char *text = mem_printf("%s.%s%s", e->detail, *e->hint ? "\n\n" : "", e->hint);
    screen_say(title, text);
}

/* ---- proof ---- */

static bool ask_proof(const char *title, char *name, char **ret_password)
{
    struct page p = page_open(title,
        "Only who may change this host can do this: type root and its password, or the name and the password "
        "of "
        "an administrator of Lodge, such as admin.",
        "Next", "Back", NULL);
    newtComponent user = page_entry(&p, "Name", name, 0);
    newtComponent secret = page_entry(&p, "Password", "", NEWT_FLAG_PASSWORD | NEWT_FLAG_RETURNEXIT);
    if (*name)
        newtFormSetCurrent(p.form, secret);
    enum page_action action = page_run(&p, IDLE_MS);
    const char *typed = newtEntryGetValue(user);
    snprintf(name, NAME_MAX_BYTES, "%s", typed + strspn(typed, " \t"));
    name[strcspn(name, " \t")] = '\0';
    *ret_password = mem_strdup(newtEntryGetValue(secret));
    newtEntrySet(secret, "", 0);
    page_close(&p);
    return action == PAGE_NEXT;
}

bool screen_proof(const char *purpose)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof(name), "%s", proof_root_has_password() ? "root" : "admin");
    for (;;) {
        _cleanup_secret_ char *password = NULL;
        struct err e;
        if (!ask_proof(purpose, name, &password))
            return false;
        newtComponent busy = page_busy("The password is being checked.");
        int r = proof_check(name, password, &e);
        page_busy_end(busy);
        if (r == 0) {
            log_notice("%s: allowed to %s", purpose, name);
            return true;
        }
        log_notice("%s: refused to %s: %s", purpose, name, e.detail);
        screen_say_error("Not allowed", &e);
    }
}

/* ---- passwords ---- */

/* True when a password that fits was typed twice. */
static bool ask_new_password(const char *title, const char *text, char *name, char **ret)
{
    for (;;) {
        struct page p = page_open(title, text, "Set", "Back", NULL);
        newtComponent user = name ? page_entry(&p, "User", name, 0) : NULL;
        newtComponent one = page_entry(&p, "New password", "", NEWT_FLAG_PASSWORD);
        newtComponent two = page_entry(&p, "Once more", "", NEWT_FLAG_PASSWORD | NEWT_FLAG_RETURNEXIT);
        enum page_action action = page_run(&p, IDLE_MS);
        if (name)
            snprintf(name, NAME_MAX_BYTES, "%s", newtEntryGetValue(user));
        _cleanup_secret_ char *first = mem_strdup(newtEntryGetValue(one));
        _cleanup_secret_ char *second = mem_strdup(newtEntryGetValue(two));
        newtEntrySet(one, "", 0);
        newtEntrySet(two, "", 0);
        page_close(&p);
        char why[WHY_MAX];
        if (action != PAGE_NEXT)
            return false;
        if (!format_password.check(first, why)) {
            _cleanup_free_ char *sentence = mem_printf("The password %s.", why);
            screen_say("Not yet", sentence);
        } else if (!streq(first, second)) {
            screen_say("Not yet", "The two are not the same. Type the new password twice.");
        } else {
            *ret = TAKE_PTR(first);
            return true;
        }
    }
}

static void set_user_password(void)
{
    char name[NAME_MAX_BYTES] = "admin";
    _cleanup_secret_ char *password = NULL;
    struct err e;
    if (!ask_new_password("Password of a user of Lodge",
            "For the web console, the API and the command line. At least 8 characters. All sessions of the "
            "user "
            "end.",
            name, &password))
        return;
    newtComponent busy = page_busy("The password is being changed.");
    int r = lodged_set_password(name, password, &e);
    page_busy_end(busy);
    if (r < 0) {
        err_prefix(&e, "the password of %s was not changed", name);
        screen_say_error("Password", &e);
        return;
    }
    log_notice("the password of the user %s of Lodge was changed", name);
    _cleanup_free_ char *text = mem_printf("The password of %s is changed.", name);
    screen_say("Password", text);
}

static int store_root_password(const char *password, struct err *e)
{
    static const char *const argv[] = {"lodge-host", "apply-root", NULL};
    _cleanup_secret_ char *hash = NULL;
    if (secret_hash(password, &hash, e) < 0)
        return -1;
    {
        _cleanup_close_ int lock = -1;
        _cleanup_json_ json_t *host = NULL;
        if (host_lock(&lock, e) < 0 || host_read(&host, e) < 0)
            return -1;
        json_t *root = json_get_obj(host, "root");
        if (!root) {
            root = json_object();
            json_object_set_new(host, "root", root);
        }
        json_object_set_new(root, "password_hash", json_string(hash));
        if (host_write(host, e) < 0)
            return -1;
    }
    return place_call(argv, APPLY_TIMEOUT_MS, e);
}

static void set_root_password(void)
{
    _cleanup_secret_ char *password = NULL;
    struct err e;
    if (!ask_new_password("Password of root",
            "For a shell on this host: at this screen, and by SSH, which is on from then on. At least 8 "
            "characters.",
            NULL, &password))
        return;
    newtComponent busy = page_busy("The password is being changed.");
    int r = store_root_password(password, &e);
    page_busy_end(busy);
    if (r < 0) {
        err_prefix(&e, "the password of root was not changed");
        screen_say_error("Password", &e);
        return;
    }
    log_notice("the password of root was changed");
    screen_say("Password", "The password of root is changed, and root may sign in by SSH with it.");
}

void screen_password(void)
{
    if (!screen_proof("Password"))
        return;
    struct page p = page_open("Password", "Whose password should be changed?", "Next", "Back", NULL);
    newtComponent list = page_list(&p, 2);
    newtListboxAppendEntry(list, "A user of Lodge: web console, API, command line", set_user_password);
    newtListboxAppendEntry(list, "root of this host: shell and SSH", set_root_password);
    enum page_action action = page_run(&p, IDLE_MS);
    bool root = newtListboxGetCurrent(list) == (void *)set_root_password;
    page_close(&p);
    if (action != PAGE_NEXT)
        return;
    if (root)
        set_root_password();
    else
        set_user_password();
}

/* ---- shell ---- */

void screen_shell(void)
{
    struct err e;
    if (!screen_proof("Shell"))
        return;
    newtSuspend();
    puts("\nA shell of root. `exit` leads back to the screen of the host.");
    fflush(stdout);
    int r = shell_run(&e);
    page_resume();
    if (r < 0)
        screen_say_error("Shell", &e);
}

/* ---- power ---- */

static char *guests_text(void)
{
    size_t n;
    struct err e;
    if (lodged_count_running(&n, &e) < 0)
        return mem_printf(
            "How many guests run is not known: %s. Those that run are shut down first if lodged "
            "can still do it.",
            e.detail);
    if (n == 0)
        return mem_strdup("No guest runs.");
    return mem_printf("%zu guest%s. %s shut down in order first, which can take some minutes; %s the host.",
        n, n == 1 ? " runs" : "s run", n == 1 ? "It is" : "They are",
        n == 1 ? "it starts again with" : "they start again with");
}

static void power(const char *title, const char *question, const char *verb, const char *what)
{
    if (!screen_proof(title))
        return;
    _cleanup_free_ char *guests = guests_text(), *text = mem_printf("%s\n\n%s", question, guests);
    struct page p = page_open(title, text, title, "Back", NULL);
    p.careful = true;
    enum page_action action = page_run(&p, IDLE_MS);
    page_close(&p);
    if (action != PAGE_NEXT)
        return;
    const char *const argv[] = {"systemctl", verb, NULL};
    struct err e;
    log_notice("%s", what);
    if (place_call(argv, POWER_TIMEOUT_MS, &e) < 0)
        screen_say_error(title, &e);
    else
        screen_say(title, what);
}

void screen_restart(void)
{
    power("Restart", "Restart this host?", "reboot", "The host shuts its guests down and restarts.");
}

void screen_power_off(void)
{
    power("Power off", "Switch this host off?", "poweroff",
        "The host shuts its guests down and switches itself off.");
}
