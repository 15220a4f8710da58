# The ISO, from the image: `make iso`, with an answer file on it `make iso ANSWER=file`.
ANSWER ?=

.PHONY: iso
iso: image
	@iso/build.sh $(ANSWER)
