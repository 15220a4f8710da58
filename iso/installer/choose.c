#include "iso/installer/choose.h"

#include <fnmatch.h>
#include <strings.h>

#define GIB UINT64_C(1073741824)

struct choosing {
    const struct answer *a;
    const struct inventory *i;
    struct complaints *c;
};

/* ---- disks ---- */

static const char obstacle_in_use[] = "something of it is in use";

const char *disk_obstacle(const struct disk *d)
{
    if (d->medium)
        return "it is the medium that Lodge is being installed from";
    if (d->read_only)
        return "it is write-protected";
    if (d->size_bytes < DISK_MIN_BYTES)
        return "it is too small: Lodge needs at least 16 GB";
    if (d->unreadable)
        return d->holds;
    if (d->mounted)
        return obstacle_in_use;
    return NULL;
}

/* One line for each disk there is, so that the right words can be copied. */
static char *disks_listed(const struct inventory *i)
{
    struct buf b = {0};
    char title[128], size[TEXT_SIZE_MAX];
    buf_str(&b, i->n_disks ? "The machine has:" : "The machine has no disk that its kernel sees.");
    for (size_t k = 0; k < i->n_disks; k++)
        buf_printf(&b, "%s %s, %s, %s", k ? ";" : "", disk_title(&i->disks[k], title),
            text_size_str(i->disks[k].size_bytes, size), i->disks[k].holds);
    if (i->disks_left_out)
        buf_printf(&b, "; and %zu more, which are too many to be looked at", i->disks_left_out);
    return buf_take(&b);
}

/* "0x5002…" and as links have it, "wwn-0x5002…". */
static const char *wwn_digits(const char *wwn)
{
    wwn += text_starts(wwn, "wwn-") ? 4 : 0;
    return wwn + (text_starts(wwn, "0x") ? 2 : 0);
}

static bool same_wwn(const char *a, const char *b)
{
    a = wwn_digits(a), b = wwn_digits(b);
    return *a && strcasecmp(a, b) == 0;
}

/* The serial number, too: some makers give all their disks the same name. */
bool disks_are_one(const struct disk *a, const struct disk *b)
{
    return same_wwn(a->wwn, b->wwn) && streq(a->serial, b->serial);
}

bool disk_is(const struct disk *a, const struct disk *b)
{
    return streq(a->path, b->path) && streq(a->serial, b->serial) && streq(a->wwn, b->wwn) &&
           streq(a->model, b->model) && a->size_bytes == b->size_bytes;
}

bool disk_holds_the_same(const struct disk *a, const struct disk *b)
{
    return a->state == b->state && streq(a->holds, b->holds) && !a->mounted == !b->mounted &&
           a->read_only == b->read_only;
}

static bool is_named(const struct disk *d, const char *name)
{
    return streq(name, d->path) || streq(name, d->name) || (*d->serial && streq(name, d->serial)) ||
           same_wwn(name, d->wwn);
}

static bool glob(const char *pattern, const char *text)
{
    return !pattern || fnmatch(pattern, text, FNM_CASEFOLD) == 0;
}

static bool passes_filter(const struct answer *a, const struct disk *d)
{
    return !d->medium && glob(a->disk.serial, d->serial) && glob(a->disk.wwn, d->wwn) &&
           glob(a->disk.model, d->model) && glob(a->disk.name, d->name) &&
           d->size_bytes >= a->disk.size_min_bytes &&
           (!a->disk.size_max_bytes || d->size_bytes <= a->disk.size_max_bytes);
}

static void choose_listed(const struct choosing *k, struct target *t)
{
    int line = answer_line(k->a, "disk-setup", "disk-list");
    _cleanup_free_ char *list = disks_listed(k->i);
    for (size_t n = 0; n < k->a->disk.disks.n; n++) {
        const char *name = k->a->disk.disks.items[n];
        const struct disk *found = NULL;
        size_t matches = 0;
        for (size_t i = 0; i < k->i->n_disks; i++)
            if (is_named(&k->i->disks[i], name)) {
                found = &k->i->disks[i];
                matches++;
            }
        if (matches == 0)
            complain(k->c, line, "[disk-setup] disk-list", list, "no disk is \"%.100s\"", name);
        else if (matches > 1)
            complain(k->c, line, "[disk-setup] disk-list", list, "\"%.100s\" names %zu disks at once", name,
                matches);
        else if (t->n_disks && t->disks[0] == found)
            complain(k->c, line, "[disk-setup] disk-list", list, "names %s twice", found->path);
        else
            t->disks[t->n_disks++] = found;
    }
}

/* Where a filter stands: the first line that has one. */
static int filter_line(const struct answer *a)
{
    int line = 0;
    for (size_t i = 0; a->lines && i < n_answer_rows; i++)
        if (a->lines[i] && streq(answer_rows[i].section, "disk-setup") &&
            text_starts(answer_rows[i].name, "filter.") && (!line || a->lines[i] < line))
            line = a->lines[i];
    return line;
}

static void choose_filtered(const struct choosing *k, struct target *t)
{
    size_t wanted = k->a->disk.mirror ? 2 : 1, matches = 0;
    for (size_t i = 0; i < k->i->n_disks; i++) {
        if (!passes_filter(k->a, &k->i->disks[i]))
            continue;
        if (matches < wanted)
            t->disks[matches] = &k->i->disks[i];
        matches++;
    }
    t->n_disks = MIN_OF(matches, wanted);
    if (matches == wanted)
        return;
    _cleanup_free_ char *list = disks_listed(k->i);
    complain(k->c, filter_line(k->a), "[disk-setup] filter", list,
        "matches %zu disk%s; it must match exactly %s", matches, matches == 1 ? "" : "s",
        wanted == 1 ? "one" : "two, since mirror = true");
    t->n_disks = 0;
}

static const char *disk_key(const struct answer *a)
{
    return a->disk.disks.n ? "[disk-setup] disk-list" : "[disk-setup] filter";
}

static int disk_line(const struct answer *a)
{
    return a->disk.disks.n ? answer_line(a, "disk-setup", "disk-list") : filter_line(a);
}

static void check_disk(const struct choosing *k, const struct disk *d)
{
    char title[128], size[TEXT_SIZE_MAX];
    const char *obstacle = disk_obstacle(d);
    disk_title(d, title);
    if (obstacle && streq(obstacle, obstacle_in_use)) {
        _cleanup_free_ char *write = mem_printf(
            "%s it first, or choose another disk.", streq(d->mounted, "swap") ? "Switch off" : "Unmount");
        complain(k->c, disk_line(k->a), disk_key(k->a), write, "%s cannot be taken: %s is in use (%s)", title,
            d->path, d->mounted);
    } else if (obstacle) {
        complain(k->c, disk_line(k->a), disk_key(k->a), "Choose another disk.", "%s, %s, cannot be taken: %s",
            title, text_size_str(d->size_bytes, size), obstacle);
    } else if ((d->state == DISK_DATA || d->state == DISK_LODGE) && !k->a->disk.wipe) {
        complain(k->c, disk_line(k->a), disk_key(k->a),
            "Write wipe = true below [disk-setup] to destroy what is on it, or choose another disk.",
            "%s is not empty: %s", title, d->holds);
    }
}

static void check_sizes(const struct choosing *k, struct target *t)
{
    char small[TEXT_SIZE_MAX], large[TEXT_SIZE_MAX];
    uint64_t other = t->disks[0]->size_bytes;
    t->size_bytes = other;
    if (t->n_disks < 2)
        return;
    t->size_bytes = MIN_OF(other, t->disks[1]->size_bytes);
    other = MAX_OF(other, t->disks[1]->size_bytes);
    if (other - t->size_bytes > t->size_bytes / 100)
        complain_softly(k->c, answer_line(k->a, "disk-setup", "mirror"), "[disk-setup] mirror", NULL,
            "the disks differ in size: the smaller one counts (%s), and %s of the other stay unused",
            text_size_str(t->size_bytes, small), text_size_str(other - t->size_bytes, large));
}

uint64_t state_size(const struct answer *a, uint64_t disk_bytes)
{
    uint64_t size =
        a->storage.state_bytes ? a->storage.state_bytes : MAX_OF(4 * GIB, MIN_OF(16 * GIB, disk_bytes / 10));
    return size >> 20 << 20;
}

/* What the parts before the volume group take, of the layout in plan_disk.c. */
static void check_storage(const struct choosing *k, const struct target *t)
{
    uint64_t fixed = 5 * GIB + (UINT64_C(32) << 20), bytes;
    uint64_t state = state_size(k->a, t->size_bytes);
    unsigned percent;
    char left[TEXT_SIZE_MAX];
    if (t->size_bytes < DISK_MIN_BYTES)
        return;
    uint64_t rest = t->size_bytes > fixed + state ? t->size_bytes - fixed - state : 0;
    if (rest < 2 * GIB)
        complain(k->c, answer_line(k->a, "storage", "state"), "[storage] state", "Write less.",
            "leaves %s for guests on this disk; 2 GiB is the least", text_size_str(rest, left));
    else if (text_size(k->a->storage.local, &bytes) && bytes > rest - GIB)
        complain(k->c, answer_line(k->a, "storage", "local"), "[storage] local",
            "Write less, or a share such as \"50%\".",
            "is more than the disk has: %s are left, 1 GiB of it for the thin pool",
            text_size_str(rest, left));
    else if (percent_parse(k->a->storage.local, &percent) && rest * percent / 100 < GIB)
        complain(k->c, answer_line(k->a, "storage", "local"), "[storage] local",
            "Write more: the pool has 1 GiB at least.", "is too small a share of the %s that are left",
            text_size_str(rest, left));
}

static void choose_disks(const struct choosing *k, struct target *t)
{
    if (k->i->disks_left_out)
        complain_softly(k->c, disk_line(k->a), disk_key(k->a), NULL,
            "the machine has %zu disks; only the first %d were looked at",
            k->i->n_disks + k->i->disks_left_out, DISKS_MAX);
    if (k->a->disk.disks.n)
        choose_listed(k, t);
    else
        choose_filtered(k, t);
    for (size_t n = 0; n < t->n_disks; n++)
        check_disk(k, t->disks[n]);
    if (t->n_disks == 2 && disks_are_one(t->disks[0], t->disks[1]))
        complain(k->c, disk_line(k->a), disk_key(k->a), "Choose a second disk, or remove mirror = true.",
            "%s and %s are one disk, seen over two paths", t->disks[0]->path, t->disks[1]->path);
    if (t->n_disks == (k->a->disk.mirror ? 2 : 1)) {
        check_sizes(k, t);
        check_storage(k, t);
    }
}

/* ---- the card ---- */

static char *nics_listed(const struct inventory *i)
{
    struct buf b = {0};
    buf_str(&b, i->n_nics ? "The machine has:" : "The machine has no network card that its kernel sees.");
    for (size_t k = 0; k < i->n_nics; k++)
        buf_printf(&b, "%s %s (%s, %s, %s)", k ? ";" : "", i->nics[k].name, i->nics[k].mac, i->nics[k].driver,
            i->nics[k].link ? "link" : "no link");
    return buf_take(&b);
}

static const struct nic *only_or_linked(const struct inventory *i)
{
    for (size_t k = 0; k < i->n_nics; k++)
        if (i->nics[k].link)
            return &i->nics[k];
    return i->n_nics ? &i->nics[0] : NULL;
}

static void choose_filtered_nic(const struct choosing *k, struct target *t)
{
    const char *by = k->a->network.mac ? "filter.mac" : "filter.name", *value = k->a->network.mac;
    char mac[18] = "";
    size_t matches = 0;
    if (value)
        mac_parse(value, mac);
    for (size_t n = 0; n < k->i->n_nics; n++) {
        const struct nic *nic = &k->i->nics[n];
        if (value ? !streq(nic->mac, mac) : !glob(k->a->network.name, nic->name))
            continue;
        t->nic = nic;
        matches++;
    }
    if (matches == 1)
        return;
    _cleanup_free_ char *key = mem_printf("[network] %s", by);
    _cleanup_free_ char *list = nics_listed(k->i);
    complain(k->c, answer_line(k->a, "network", by), key, list,
        "matches %zu network cards; it must match exactly one", matches);
}

static void choose_nic(const struct choosing *k, struct target *t)
{
    if (k->i->n_nics == 0) {
        complain(k->c, answer_line(k->a, "network", "source"), "[network]",
            "Switch the machine off, plug in another one, and start the medium again.",
            "the machine has no network card that the kernel knows: nobody could reach the host");
        return;
    }
    if (k->a->network.mac || k->a->network.name)
        choose_filtered_nic(k, t);
    else
        t->nic = only_or_linked(k->i);
    if (t->nic && !t->nic->link)
        complain_softly(k->c, answer_line(k->a, "network", "source"), "[network]", NULL,
            "%s (%s) has no link: is its cable plugged in?", t->nic->name, t->nic->mac);
}

int choose_target(const struct answer *a, const struct inventory *i, struct target *ret, struct complaints *c)
{
    struct choosing k = {a, i, c};
    struct target t = {0};
    size_t errors = c->errors;
    choose_disks(&k, &t);
    choose_nic(&k, &t);
    if (c->errors != errors)
        return -1;
    *ret = t;
    return 0;
}
