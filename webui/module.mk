# The console: npm's packages as package-lock.json pins them, then one bundle (tools/build.mjs).
webui_src := $(shell find webui/src webui/public webui/tools -type f 2>/dev/null) webui/package.json webui/tsconfig.json

webui/node_modules/.installed: webui/package-lock.json webui/.npmrc
	@echo "  NPM  webui"
	@cd webui && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

# Where Node.js is not wanted, as in a Debian package's build, LODGE_WEBUI says that build/webui is there already.
ifndef LODGE_WEBUI
$(build)/webui: webui/node_modules/.installed $(webui_src)
	@echo "  WEB  $@"
	@cd webui && node tools/build.mjs
	@touch $@
endif

.PHONY: check generate
# Types, unit tests, and that src/api/generated.ts is what the daemon says.
check: webui/node_modules/.installed $(build)/bin/lodged
	@cd webui && npm run --silent check
generate: webui/node_modules/.installed $(build)/bin/lodged
	@cd webui && npm run --silent generate
