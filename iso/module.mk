# The ISO, from the image: `make iso`, with an answer file on it `make iso ANSWER=file`.
ANSWER ?=

.PHONY: iso check-answer
iso: $(if $(ANSWER),check-answer) image
	@iso/build.sh $(ANSWER)

check-answer: need-image $(build)/bin/lodge-installer
	@$(build)/bin/lodge-installer validate $(ANSWER)
