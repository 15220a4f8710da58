/* lodged: wires the drivers into core's tables. The only file of the daemon that names them. */
#include "helpers/image_client.h"
#include "lodged.h"

static const struct storage_ops *const storage[] = {&storage_dir};
static const struct net_ops *const networks[] = {&net_nat, &net_isolated, &net_bridge};

static const struct core_drivers drivers = {
    .guests = {[GUEST_VM] = &guest_libvirt, [GUEST_CONTAINER] = &guest_lxc},
    .storage = storage,
    .n_storage = ARRAY_SIZE(storage),
    .networks = networks,
    .n_networks = ARRAY_SIZE(networks),
    .guard = &guard_nft,
    .kvm_works = vm_kvm_works,
    .free_subnet = net_free_subnet,
    .image_probe = image_client_probe,
    .image_fetch = image_client_fetch,
};

int main(int argc, char **argv)
{
    return lodged_run(argc, argv, &drivers);
}
