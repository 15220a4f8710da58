# Unit tests of the installer; the rule is in tests/module.mk.
unit_tests += test_answers test_installer

unit_test_answers_src    := $(installer_src)
unit_test_answers_pkgs   := $(installer_pkgs)
unit_test_installer_src  := $(installer_src)
unit_test_installer_pkgs := $(installer_pkgs)
