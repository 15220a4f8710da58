# The command line links the descriptive half of the tables only: never core.
cli_src := $(base_src) $(wire_src) daemon/schema/fields.c daemon/schema/kinds.c daemon/schema/kind_objects.c \
           daemon/api/routes.c $(wildcard daemon/cli/*.c)
product_programs += bin/lodge
$(eval $(call program,bin/lodge,$(cli_src),gnutls jansson))
