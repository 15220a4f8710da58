# The gate links the base and the wire only: it knows nothing of core.
gate_src := $(base_src) $(wire_src) $(wildcard daemon/gate/*.c)
product_programs += bin/lodge-gate
$(eval $(call program,bin/lodge-gate,$(gate_src),-lwslay libmicrohttpd gnutls jansson libseccomp zlib))
