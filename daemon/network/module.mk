# The network drivers; the fake is linked only into lodged-fake and tests.
network_fake_src := daemon/network/net_fake.c daemon/network/leases.c
network_src      := $(filter-out daemon/network/net_fake.c,$(wildcard daemon/network/*.c))
