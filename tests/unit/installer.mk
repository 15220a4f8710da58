# Unit tests of the installer and of the host's screen; the rule is in tests/module.mk.
installer_tests := test_answers test_installer_choose test_installer_plan test_installer_apply test_installer_screens test_installer_disks
unit_tests += $(installer_tests) test_host_screen

$(foreach t,$(installer_tests),$(eval unit_$(t)_src := $$(installer_src))$(eval unit_$(t)_pkgs := $$(installer_pkgs)))
unit_test_host_screen_src  := $(console_src)
unit_test_host_screen_pkgs := $(console_pkgs)
