# What the daemon folder builds: a library of sources for each layer, and the programs that link them.
base_src     := $(filter-out daemon/base/fake_plan.c,$(wildcard daemon/base/*.c))
wire_src     := $(wildcard daemon/wire/*.c)
schema_src   := $(wildcard daemon/schema/*.c)
registry_src := $(wildcard daemon/registry/*.c)
auth_src     := $(wildcard daemon/auth/*.c)
core_src     := $(wildcard daemon/core/*.c)
api_src      := $(wildcard daemon/api/*.c)


# lodged without its main: the same for the product and for lodged-fake.
lodged_src  := $(base_src) $(wire_src) $(schema_src) $(registry_src) $(auth_src) $(core_src) $(api_src) daemon/lodged.c
lodged_pkgs := jansson gnutls sqlite3 libcrypt

include $(wildcard daemon/*/module.mk)
include storage/module.mk

product_programs += bin/lodged
$(eval $(call program,bin/lodged,$(lodged_src) daemon/main.c $(storage_src) $(network_src) $(guest_src) $(helpers_client_src),$(lodged_pkgs) $(drivers_pkgs)))
