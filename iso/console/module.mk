# The screen of an installed host: of the daemon it links the base, and what speaks with lodged. Everything but main.c is
# also in its tests.
console_src  := $(base_src) $(wire_src) daemon/cli/client.c $(iso_common_src) iso/installer/nics.c \
                $(filter-out iso/console/main.c,$(wildcard iso/console/*.c))
console_pkgs := jansson gnutls libcrypt libnewt slang

image_programs += bin/lodge-console
$(eval $(call program,bin/lodge-console,$(console_src) iso/console/main.c,$(console_pkgs)))
