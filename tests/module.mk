# Programs that only tests and benchmarks use.
include $(wildcard tests/unit/*.mk tests/bench/*.mk tests/fuzz/*.mk)

lodged_fake_src := $(lodged_src) tests/fake/main_fake.c daemon/base/fake_plan.c $(storage_fake_src) $(network_fake_src) $(guest_fake_src)
$(eval $(call program,test/lodged-fake,$(lodged_fake_src),$(lodged_pkgs)))

# A unit test each: tests/unit/NAME.c with unit_NAME_src, under the sanitizers of unit_NAME_san.
unit_san = $(filter-out none,$(or $(unit_$(1)_san),address$(comma)undefined))
$(foreach t,$(unit_tests),$(eval $(call program,test/$(t),tests/unit/$(t).c $(unit_$(t)_src),$(unit_$(t)_pkgs) cmocka,$(call unit_san,$(t)))))

.PHONY: unit-tests
unit-tests: $(addprefix $(build)/test/,$(unit_tests)) $(build)/test/lodged-fake

# The appliance in machines under QEMU; and one of them with a shell.
.PHONY: test-appliance appliance-shell
test-appliance:
	@tests/appliance/run.sh

appliance-shell: iso
	@daemon/run/need.sh appliance
	@/usr/bin/python3 -B tests/appliance/shell.py
