/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * guard.bpf.c: the black XDP program with a clock that the tests of its budgets turn.
 */
#include "clock.h"

#include "black.bpf.c"
