# libFuzzer targets: tests/fuzz/fuzz_NAME.c with fuzz_NAME_src. `make fuzz` runs each for FUZZ_SECONDS from its seeds;
# what it finds on the way is kept in build/fuzz, what breaks it in build/fuzz/NAME-crash-….
fuzz_targets := frame json router filter text txn credential answer
FUZZ_SECONDS ?= 10
FUZZ_CC      ?= clang
fuzz_flags   := -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

fuzz_base       := $(base_src)
fuzz_schema     := $(wildcard daemon/schema/*.c)
fuzz_frame_src  := $(fuzz_base) $(wire_src)
fuzz_json_src   := $(fuzz_base) $(fuzz_schema)
fuzz_router_src := $(fuzz_base) $(fuzz_schema) daemon/api/router.c daemon/api/routes.c
fuzz_filter_src := $(fuzz_base) $(fuzz_schema) daemon/api/filter.c
fuzz_text_src   := $(fuzz_base) $(fuzz_schema)
fuzz_txn_src    := $(fuzz_base) $(fuzz_schema) $(registry_src)
fuzz_credential_src := $(fuzz_base) $(fuzz_schema) $(registry_src) $(auth_src)
fuzz_answer_src := $(fuzz_base) $(addprefix iso/installer/,toml.c toml_value.c complaint.c formats.c answer.c answer_check.c answer_rows.c)

define fuzz_rule
$(build)/fuzz/fuzz_$(1): tests/fuzz/fuzz_$(1).c $(fuzz_$(1)_src) $(wildcard daemon/*/*.h daemon/*/*.def)
	@mkdir -p $$(@D)
	@echo "  FUZZ $$@"
	@$(FUZZ_CC) $(fuzz_flags) -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DLODGE_VERSION='"$(VERSION)"' -pthread -Idaemon -I. $$(pkg_cflags) \
	  -o $$@ tests/fuzz/fuzz_$(1).c $(fuzz_$(1)_src) $$(shell pkg-config --libs jansson gnutls sqlite3 libcrypt)
endef
$(foreach t,$(fuzz_targets),$(eval $(call fuzz_rule,$(t))))

.PHONY: fuzz fuzz-programs
fuzz-programs: $(foreach t,$(fuzz_targets),$(build)/fuzz/fuzz_$(t))
fuzz:
	@daemon/run/need.sh fuzz
	@$(MAKE) --no-print-directory fuzz-programs
	@for t in $(fuzz_targets); do \
	  mkdir -p $(build)/fuzz/corpus/$$t && echo "fuzz $$t, $(FUZZ_SECONDS) s" && \
	  $(build)/fuzz/fuzz_$$t -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
	    -artifact_prefix=$(build)/fuzz/$$t- $(build)/fuzz/corpus/$$t tests/fuzz/seeds/$$t >$(build)/fuzz/$$t.log 2>&1 || \
	    { tail -n 60 $(build)/fuzz/$$t.log; exit 1; }; \
	done
