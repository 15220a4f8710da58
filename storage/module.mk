# The storage drivers; the fake is linked only into lodged-fake and tests.
storage_fake_src := storage/storage_fake.c storage/storage_names.c
storage_src      := $(filter-out storage/storage_fake.c,$(wildcard storage/*.c))
