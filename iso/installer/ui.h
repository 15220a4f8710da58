/* Installing by screens (libnewt): on the console and over a serial line, at 80 by 24. */
#pragma once

#include "iso/installer/unattended.h"

/* 0: installed, or left without installing; 1: failed. */
int run_interactive(const struct run_options *o);
