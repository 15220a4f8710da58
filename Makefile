# Lodge. `make run` and `make test` install what they need; see README.md.
# Flat: every folder adds its sources and programs in its module.mk.

build   := build
CC      ?= gcc
PREFIX  ?= /usr
DESTDIR ?=
VERSION := 0.1.0
comma   := ,

CFLAGS   ?= -O2 -g
warnings := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Werror
cflags   := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DLODGE_VERSION='"$(VERSION)"' $(warnings) \
            -fstack-protector-strong -fPIE -pthread -Idaemon -I.
ldflags  := -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread

.PHONY: all programs
all: need-build
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) programs

# program NAME SOURCES PACKAGES [SANITIZERS]: build/NAME from its own objects, one folder for each set of
# sanitizers. PACKAGES are modules of pkg-config, or -lNAME for a library that has none. Programs are linked as soon
# as a module names them; `programs` builds the product's.
objdir = $(build)/obj$(if $(1),-$(subst $(comma),-,$(1)))
define program
$(build)/$(1): $(patsubst %.c,$(call objdir,$(4))/%.o,$(sort $(2)))
	@mkdir -p $$(@D)
	@echo "  LINK $$@"
	@$$(CC) $$(CFLAGS) $(if $(4),-fsanitize=$(4)) $$(ldflags) -o $$@ $$^ $(filter -l%,$(3)) $$(shell pkg-config --libs $(filter-out -l%,$(3)))

endef

define object_rule
$(call objdir,$(1))/%.o: %.c
	@mkdir -p $$(@D)
	@echo "  CC   $$@"
	@$$(CC) $$(CFLAGS) $$(cflags) $$(pkg_cflags) $(if $(1),-fsanitize=$(1) -fno-omit-frame-pointer) -MMD -MP -c -o $$@ $$<
endef
$(eval $(call object_rule,))
$(eval $(call object_rule,address$(comma)undefined))
$(eval $(call object_rule,thread))

# Header paths of every library at once: few, and the same for all objects.
pkg_cflags = $(eval pkg_cflags := $(shell pkg-config --cflags libvirt lxc libmicrohttpd gnutls jansson sqlite3 libxml-2.0 \
             libnl-route-3.0 libnftables libcurl libcrypt libnewt slang libseccomp libarchive libzstd 2>/dev/null))$(pkg_cflags)

include daemon/module.mk iso/installer/module.mk iso/console/module.mk webui/module.mk tests/module.mk image-builder/module.mk iso/module.mk

programs: $(addprefix $(build)/,$(product_programs) $(image_programs)) $(build)/webui
	@:

.PHONY: need-build run test lint install clean help
need-build:
	@daemon/run/need.sh build

run: all
	@daemon/run/run.sh

test:
	@tests/run.sh

lint:
	@tests/lint/run.sh

# Daemons and helpers together in one folder, where lodged looks for the helpers; `lodge` in everybody's path.
install: programs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/lodge $(DESTDIR)$(PREFIX)/share/lodge/webui \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions \
	    $(DESTDIR)$(PREFIX)/share/doc/lodge
	install -m 755 $(filter-out %/lodge,$(addprefix $(build)/,$(product_programs))) $(DESTDIR)$(PREFIX)/lib/lodge/
	install -m 755 $(build)/bin/lodge $(DESTDIR)$(PREFIX)/bin/
	cp -r --no-preserve=ownership $(build)/webui/. $(DESTDIR)$(PREFIX)/share/lodge/webui/
	chmod -R u=rwX,go=rX $(DESTDIR)$(PREFIX)/share/lodge/webui
	$(build)/bin/lodge completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/lodge
	$(build)/bin/lodge completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_lodge
	if [ -e $(build)/images/tiny-vm.qcow2 ]; then \
	    install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/lodge/images $(build)/images/tiny-*; fi
	install -m 644 README.md LICENSE docs/*.md $(DESTDIR)$(PREFIX)/share/doc/lodge/

help:
	@echo 'make                   builds the programs and the console, in build/'
	@echo 'make run               builds, and runs Lodge in the foreground'
	@echo 'make test              the tests; make test-appliance: those of the medium and of what it installs; make lint'
	@echo 'make iso [ANSWER=file [FIRST_BOOT=script]]   the installation medium; make deb [DIST=bookworm]: the package'
	@echo 'make appliance-shell   an installed host in a machine under QEMU'
	@echo 'make bench, make fuzz, make clean'

clean:
	rm -rf $(build)/obj* $(build)/bin $(build)/test

-include $(shell find $(build)/obj* -name '*.d' 2>/dev/null)
