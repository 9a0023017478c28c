/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * clock.h: for BPF programs of tests: the time is what the test says, not what went by while it
 * waited for its turn. Included before what asks for the time; the test turns skel->data->clock_ns.
 */
#ifndef ESC_TESTS_BPF_CLOCK_H
#define ESC_TESTS_BPF_CLOCK_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile __u64 clock_ns = 1000000000000ull;

#define bpf_ktime_get_ns()	  clock_ns
#define bpf_ktime_get_coarse_ns() clock_ns

#endif
