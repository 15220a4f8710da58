# Unit tests of the registry and of access; the rule is in tests/module.mk.
registry_test_src  := $(wildcard daemon/base/*.c) daemon/schema/kinds.c $(wildcard daemon/registry/*.c)
registry_test_pkgs := sqlite3 jansson gnutls cmocka
fault_test_src     := tests/unit/fault_vfs.c tests/unit/registry_model.c

unit_tests += test_registry test_registry_snapshot test_registry_threads test_registry_refuse \
              test_registry_power test_registry_kill test_registry_size

unit_test_registry_src           := $(registry_test_src)
unit_test_registry_pkgs          := $(registry_test_pkgs)
unit_test_registry_snapshot_src  := $(registry_test_src)
unit_test_registry_snapshot_pkgs := $(registry_test_pkgs)
unit_test_registry_threads_src   := $(registry_test_src)
unit_test_registry_threads_pkgs  := $(registry_test_pkgs)
unit_test_registry_threads_san   := thread
unit_test_registry_refuse_src    := $(registry_test_src) $(fault_test_src)
unit_test_registry_refuse_pkgs   := $(registry_test_pkgs)
unit_test_registry_power_src     := $(registry_test_src) $(fault_test_src)
unit_test_registry_power_pkgs    := $(registry_test_pkgs)
unit_test_registry_kill_src      := $(registry_test_src) $(fault_test_src)
unit_test_registry_kill_pkgs     := $(registry_test_pkgs)
# Without sanitizers: it looks at memory and time.
unit_test_registry_size_src      := $(registry_test_src)
unit_test_registry_size_pkgs     := $(registry_test_pkgs)
unit_test_registry_size_san      := none

auth_test_src  := $(registry_test_src) $(wildcard daemon/auth/*.c)
auth_test_pkgs := $(registry_test_pkgs) libcrypt
auth_tests     := test_auth_access test_auth_signin test_auth_attempts test_auth_audit test_auth_secret

unit_tests += $(auth_tests)
$(foreach t,$(auth_tests),$(eval unit_$(t)_src := $(auth_test_src))$(eval unit_$(t)_pkgs := $(auth_test_pkgs)))
