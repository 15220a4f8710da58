# Unit tests of the drivers and their helpers; the rule is in tests/module.mk.
driver_test_base := $(wildcard daemon/base/*.c)

unit_tests += test_vm_xml test_guest_events test_image_policy test_image_helper test_net_config test_forwarding test_storage_dir

unit_test_vm_xml_src  := $(driver_test_base) daemon/guest/vm_xml.c daemon/guest/vm_owner.c storage/storage_names.c
unit_test_vm_xml_pkgs := libxml-2.0 gnutls jansson

unit_test_guest_events_src  := $(driver_test_base) daemon/guest/vm_event.c daemon/guest/ct_addresses.c daemon/helpers/ct_config.c
unit_test_guest_events_pkgs := libvirt gnutls jansson

unit_test_image_policy_src  := $(driver_test_base) $(addprefix daemon/helpers/,image_qcow2.c image_magic.c tar_policy.c)
unit_test_image_policy_pkgs := gnutls jansson

# These two run the real lodge-image, and skip what needs root when they are not.
unit_test_image_helper_src  := $(driver_test_base) $(helpers_client_src)
unit_test_image_helper_pkgs := libarchive gnutls jansson
$(build)/test/test_image_helper: | $(build)/bin/lodge-image

unit_test_storage_dir_src  := $(driver_test_base) $(helpers_client_src) $(storage_src)
unit_test_storage_dir_pkgs := libarchive gnutls jansson
$(build)/test/test_storage_dir: | $(build)/bin/lodge-image

unit_test_net_config_src  := $(driver_test_base) daemon/network/leases.c daemon/network/dnsmasq.c daemon/network/nft_rules.c daemon/network/guard_rules.c
unit_test_net_config_pkgs := gnutls jansson

unit_test_forwarding_src  := $(driver_test_base) daemon/network/forwarding.c
unit_test_forwarding_pkgs := gnutls jansson
