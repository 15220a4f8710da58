# The ISO, from the image: `make iso`, with an answer file on it `make iso ANSWER=file`, and with the script that its [first-boot]
# takes from-iso `FIRST_BOOT=file` too.
ANSWER ?=
FIRST_BOOT ?=

.PHONY: iso check-answer
iso: $(if $(ANSWER),check-answer) image
	@iso/build.sh $(ANSWER) $(FIRST_BOOT)

check-answer: need-image $(build)/bin/lodge-installer
	@$(build)/bin/lodge-installer validate $(ANSWER)
