# Unit tests of base, wire, schema and what the API does with text; the rule is in tests/module.mk.
unit_tests += test_base test_cancel test_wire test_schema test_filter test_router test_console

api_test_pkgs := jansson gnutls cmocka
api_test_src  := $(base_src) $(wildcard daemon/schema/*.c)

unit_test_base_src    := $(base_src)
unit_test_base_pkgs   := $(api_test_pkgs)
unit_test_cancel_src  := $(base_src)
unit_test_cancel_pkgs := $(api_test_pkgs)
unit_test_cancel_san  := thread
unit_test_wire_src    := $(base_src) $(wire_src)
unit_test_wire_pkgs   := $(api_test_pkgs)
unit_test_schema_src  := $(api_test_src)
unit_test_schema_pkgs := $(api_test_pkgs)
unit_test_filter_src  := $(api_test_src) daemon/api/filter.c
unit_test_filter_pkgs := $(api_test_pkgs)
unit_test_router_src  := $(api_test_src) daemon/api/router.c daemon/api/routes.c
unit_test_router_pkgs := $(api_test_pkgs)
unit_test_console_src  := $(base_src) daemon/core/console_ring.c daemon/core/rfb_filter.c daemon/gate/ws_handshake.c
unit_test_console_pkgs := $(api_test_pkgs)
