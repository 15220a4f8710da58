/* Network cards from /sys/class/net: real ones with an Ethernet address, in the order of their names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"
#include "iso/common/formats.h"
#include "iso/installer/inventory.h"

/* The first line of an attribute; "" when the kernel does not say (a card that is down has no carrier). */
static void attribute(const char *sysfs, const char *name, const char *file, char *out, size_t n)
{
    _cleanup_free_ char *path = mem_printf("%s/%s/%s", sysfs, name, file);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, n - 1);
    out[got > 0 ? got : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static const char *driver(struct inventory *i, const char *sysfs, const char *name)
{
    char target[PATH_MAX];
    _cleanup_free_ char *path = mem_printf("%s/%s/device/driver", sysfs, name);
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = '\0';
    const char *slash = strrchr(target, '/');
    return arena_strdup(&i->arena, slash ? slash + 1 : target);
}

/* A card, not a bridge or tunnel; and none that is wireless, which a bridge cannot hold. */
static bool is_card(const char *sysfs, const char *name)
{
    char type[16];
    _cleanup_free_ char *device = mem_printf("%s/%s/device", sysfs, name);
    _cleanup_free_ char *wireless = mem_printf("%s/%s/wireless", sysfs, name);
    attribute(sysfs, name, "type", type, sizeof(type));
    return access(device, F_OK) == 0 && access(wireless, F_OK) < 0 && streq(type, "1");
}

/* Cards that a list already shows keep their place; `known` of them. */
static struct nic *nic_slot(struct inventory *i, size_t known, const char *name, const char *mac)
{
    for (size_t k = 0; k < i->n_nics; k++)
        if (streq(i->nics[k].name, name) && streq(i->nics[k].mac, mac))
            return &i->nics[k];
    if (i->n_nics == NICS_MAX)
        return NULL;
    size_t at = i->n_nics++;
    for (; at > known && strverscmp(name, i->nics[at - 1].name) < 0; at--)
        i->nics[at] = i->nics[at - 1];
    i->nics[at] = (struct nic){.name = arena_strdup(&i->arena, name), .mac = arena_strdup(&i->arena, mac)};
    return &i->nics[at];
}

static void read_card(struct inventory *i, size_t known, const char *sysfs, const char *name)
{
    char address[64], mac[18], carrier[8], speed[16];
    attribute(sysfs, name, "address", address, sizeof(address));
    attribute(sysfs, name, "carrier", carrier, sizeof(carrier));
    attribute(sysfs, name, "speed", speed, sizeof(speed));
    if (!mac_parse(address, mac))
        return;
    struct nic *nic = nic_slot(i, known, name, mac);
    if (!nic)
        return;
    if (!nic->driver)
        nic->driver = driver(i, sysfs, name);
    nic->link = streq(carrier, "1");
    if (!text_u64(speed, &nic->speed_mbit) || !nic->link) /* -1 and 4294967295 mean unknown */
        nic->speed_mbit = 0;
    if (nic->speed_mbit >= UINT32_MAX)
        nic->speed_mbit = 0;
}

int inventory_read_nics(struct inventory *i, const char *sysfs, struct err *e)
{
    size_t known = i->n_nics;
    DIR *dir = opendir(sysfs);
    if (!dir)
        return err_errno(e, errno, "cannot list the network cards in %s", sysfs);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (*entry->d_name != '.' && is_card(sysfs, entry->d_name))
            read_card(i, known, sysfs, entry->d_name);
    closedir(dir);
    return 0;
}

static bool all_linked(const struct inventory *i)
{
    for (size_t k = 0; k < i->n_nics; k++)
        if (!i->nics[k].link)
            return false;
    return true;
}

int inventory_wait_for_links(struct inventory *i, const char *sysfs, uint64_t timeout_ms, struct err *e)
{
    uint64_t until = clock_monotonic_ms(&clock_system) + timeout_ms;
    while (!all_linked(i) && clock_monotonic_ms(&clock_system) < until) {
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        if (inventory_read_nics(i, sysfs, e) < 0)
            return -1;
    }
    return 0;
}
