# Unit tests of the installer and of the host's screen; the rule is in tests/module.mk.
unit_tests += test_answers test_installer test_installer_disks test_host_screen

unit_test_answers_src          := $(installer_src)
unit_test_answers_pkgs         := $(installer_pkgs)
unit_test_installer_src        := $(installer_src)
unit_test_installer_pkgs       := $(installer_pkgs)
unit_test_installer_disks_src  := $(installer_src)
unit_test_installer_disks_pkgs := $(installer_pkgs)
unit_test_host_screen_src      := $(console_src)
unit_test_host_screen_pkgs     := $(console_pkgs)
