# The guest drivers; the fake is linked only into lodged-fake and tests.
guest_fake_src := daemon/guest/guest_fake.c daemon/guest/guest_fake_console.c daemon/guest/guest_names.c
guest_src      := $(filter-out daemon/guest/guest_fake%.c,$(wildcard daemon/guest/*.c))
