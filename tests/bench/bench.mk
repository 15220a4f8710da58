# Programs of the benchmarks; tests/bench/run.sh builds and uses them.
$(eval $(call program,test/raw_http,tests/bench/raw_http.c $(base_src),libmicrohttpd jansson gnutls sqlite3))
$(eval $(call program,test/raw_commit,tests/bench/raw_commit.c $(base_src),sqlite3 jansson gnutls))

.PHONY: bench bench-programs
bench-programs: $(build)/test/raw_http $(build)/test/raw_commit $(build)/test/lodged-fake $(build)/bin/lodge-gate
bench:
	@tests/bench/run.sh
