# What the installer and the host's own screen share.
iso_common_src := $(wildcard iso/common/*.c)

# The installer: it links the base of Lodge's code and nothing else of it. Everything but main.c is also in its tests.
installer_src  := $(base_src) $(iso_common_src) $(filter-out iso/installer/main.c,$(wildcard iso/installer/*.c))
installer_pkgs := jansson gnutls libcrypt libcurl libnewt slang

# On the image beside Lodge's package, not in it: an installed host needs no installer.
image_programs += bin/lodge-installer
$(eval $(call program,bin/lodge-installer,$(installer_src) iso/installer/main.c,$(installer_pkgs)))
