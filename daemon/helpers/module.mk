# The helpers, each a program that links the base and no other layer. What the daemon calls them with is
# helpers_client_src; drivers_pkgs are the libraries of guest/, network/ and storage/.
helpers_client_src := $(addprefix daemon/helpers/,helper_run.c image_client.c fetch_client.c ct_files.c)
drivers_pkgs       := libvirt libxml-2.0 libnl-route-3.0 libnftables

lodge_image_src := $(base_src) $(addprefix daemon/helpers/,lodge_image.c image_probe.c image_qemu.c image_tar.c \
                   image_import.c image_hash.c image_magic.c image_qcow2.c tar_policy.c sandbox.c sandbox_filter.c report.c)
lodge_ct_src    := $(filter-out daemon/base/crypto.c,$(base_src)) $(addprefix daemon/helpers/,lodge_ct.c ct_console.c ct_start.c ct_config.c ct_host.c ct_link.c ct_files.c report.c)
lodge_fetch_src := $(base_src) $(addprefix daemon/helpers/,lodge_fetch.c image_hash.c report.c)

product_programs += bin/lodge-image bin/lodge-ct bin/lodge-fetch
$(eval $(call program,bin/lodge-image,$(lodge_image_src),gnutls jansson libarchive libseccomp))
$(eval $(call program,bin/lodge-ct,$(lodge_ct_src),jansson lxc))
$(eval $(call program,bin/lodge-fetch,$(lodge_fetch_src),gnutls jansson libcurl))
