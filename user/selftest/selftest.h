/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selftest.h: the power-on self-test (R2, R12): known answers of every primitive in use, through
 * the functions that the product calls; the random source; the embedded BPF objects. Each process
 * tests what it uses before it touches a key or a NIC, and ends if anything is wrong.
 *
 * It finds what breaks by itself: a bad memory cell or disk block, a processor or a library that
 * computes wrongly, a half-written file. It is no defence against someone who can write the
 * program: the digests are in the same file as what they cover.
 *
 * Everything here needs no privileges and no file system. Keeps no secret.
 */
#ifndef ESC_SELFTEST_SELFTEST_H
#define ESC_SELFTEST_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Called after each test: its name, where its answer comes from, and why it failed (NULL: passed).
 * false: leave the rest out.
 */
typedef bool esc_selftest_report(void *arg, const char *test, const char *source, const char *why);

/* Logs the failure as one line of level error, and leaves the rest out. */
esc_selftest_report esc_selftest_log;

/* A BPF object as it is in this program: the very bytes that are going to be loaded. */
struct esc_object {
	const char *name; /* bpf/NAME.bpf.c */
	const void *bytes;
	size_t size;
};

/* 0, or -EIO if any test failed. */
int esc_selftest_crypto(esc_selftest_report *report, void *arg);
/* objects: all that the program has. */
int esc_selftest_control(const struct esc_object *objects, size_t n, esc_selftest_report *report,
			 void *arg);
/* Every built-in AEAD provider; the crypto process tests the one that it chooses by itself. */
int esc_selftest_providers(esc_selftest_report *report, void *arg);

#endif
