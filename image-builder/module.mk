# Lodge's package and the host system's image.
DIST ?= trixie
starter_images := $(build)/images/tiny-vm.qcow2

.PHONY: deb image need-image image-programs
# Programs that the image has beside Lodge's package: modules add to image_programs (bin/NAME).
.SECONDEXPANSION:
image-programs: $$(addprefix $(build)/,$$(image_programs))
	@mkdir -p $(build)/image-programs
	@rm -f $(build)/image-programs/*
	@for program in $^; do cp $$program $(build)/image-programs/; done

need-image:
	@daemon/run/need.sh build run image

# The console and the starter images are built here, the programs in a build root of the release.
deb: need-image $(build)/webui
	@daemon/run/images/build.sh $(build)/images $(build)/cache/images
	@image-builder/mirror.sh $(DIST) >/dev/null
	@image-builder/buildroot.sh $(DIST)
	@image-builder/deb.sh $(DIST)

image: deb
	@image-builder/base.sh
	@image-builder/keymaps.sh $(build)/cache/buildroot-trixie $(build)/cache/keymaps
	@image-builder/image.sh
