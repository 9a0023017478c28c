/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h: run frames through a loaded program by BPF_PROG_TEST_RUN and keep books: what a test
 * expects of each reason's counter against what the program counted, packets and bytes. Needs
 * CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; without them the one test `program_loads` is skipped.
 */
#ifndef ESC_TESTS_BPF_RUN_H
#define ESC_TESTS_BPF_RUN_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "bpf_abi.h"
#include "packet.h"

#define REASONS_MAX 64

struct run {
	const char *name;
	int prog, stats;
	uint32_t reasons;
	const char *const *reason_name;
	uint64_t seen;			      /* bit per reason: a row expected it */
	struct esc_count expect[REASONS_MAX]; /* since loading */
	struct esc_count total;		      /* everything that ran */
};

static inline int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN)
		return 0;
	return vfprintf(stderr, format, args);
}

/*
 * The whole test program when it cannot begin. Only a missing right or a kernel without the
 * feature is a reason to skip: a program that the verifier refuses is a failure.
 */
static const char *not_loaded;
static int not_loaded_error;

static inline void program_loads(void **state)
{
	(void)state;
	if (not_loaded_error != EPERM && not_loaded_error != ENOSYS &&
	    not_loaded_error != EAFNOSUPPORT)
		fail_msg("%s: %s", not_loaded, strerror(not_loaded_error));
	printf("skip: %s: %s%s\n", not_loaded, strerror(not_loaded_error),
	       not_loaded_error == EPERM ? " (run as root)" : "");
	fflush(stdout);
	skip();
}

static inline int cannot_run(const char *what, int error)
{
	const struct CMUnitTest only[] = {cmocka_unit_test(program_loads)};

	not_loaded = what;
	not_loaded_error = error;
	return cmocka_run_group_tests(only, NULL, NULL);
}

/* Run one frame `repeat` times; the verdict. Programs only look: the frame must come back. */
static inline int run_repeat(struct run *r, const struct pkt *p, uint32_t repeat, uint32_t *ns)
{
	static uint8_t out[PKT_MAX + 256];
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts),
		.data_in = p->data,
		.data_size_in = p->len,
		.data_out = out,
		.data_size_out = sizeof(out),
		.repeat = (int)repeat,
	};

	if (bpf_prog_test_run_opts(r->prog, &opts))
		fail_msg("test run of %u bytes: %s", p->len, strerror(errno));
	assert_int_equal(opts.data_size_out, p->len);
	assert_memory_equal(out, p->data, p->len);
	r->total.packets += repeat;
	r->total.bytes += (uint64_t)repeat * p->len;
	if (ns)
		*ns = opts.duration;
	return (int)opts.retval;
}

static inline int run_frame(struct run *r, const struct pkt *p)
{
	return run_repeat(r, p, 1, NULL);
}

/* Run one frame and expect this verdict and this reason; checked by run_settle(). */
static inline void run_expect(struct run *r, const struct pkt *p, int verdict, uint32_t reason,
			      const char *what)
{
	int got = run_frame(r, p);

	r->expect[reason].packets++;
	r->expect[reason].bytes += p->len;
	if (got != verdict)
		fail_msg("%s: %s: verdict %d instead of %d (expected reason %s)", r->name, what,
			 got, verdict, r->reason_name[reason]);
}

static inline struct esc_count run_counter(const struct run *r, uint32_t reason)
{
	static struct esc_count cpu[1024];
	struct esc_count sum = {0};
	int cpus = libbpf_num_possible_cpus();

	assert_in_range(cpus, 1, 1024);
	assert_int_equal(bpf_map_lookup_elem(r->stats, &reason, cpu), 0);
	for (int i = 0; i < cpus; i++) {
		sum.packets += cpu[i].packets;
		sum.bytes += cpu[i].bytes;
	}
	return sum;
}

/* Run one frame: the reason that counted it. */
static inline uint32_t run_reason(struct run *r, const struct pkt *p)
{
	uint64_t before[REASONS_MAX] = {0};
	uint32_t reason = 0;

	for (uint32_t i = 0; i < r->reasons; i++)
		before[i] = run_counter(r, i).packets;
	run_frame(r, p);
	while (reason < r->reasons && run_counter(r, reason).packets == before[reason])
		reason++;
	assert_true(reason < r->reasons);
	return reason;
}

/* Run one frame many times: how often for this reason. */
static inline uint64_t run_count(struct run *r, const struct pkt *p, uint32_t repeat,
				 uint32_t reason)
{
	uint64_t before = run_counter(r, reason).packets;

	run_repeat(r, p, repeat, NULL);
	return run_counter(r, reason).packets - before;
}

/* Every frame that ran is in exactly one counter; with `exact`, in the one that was expected. */
static inline void run_settle(struct run *r, bool exact, const char *what)
{
	struct esc_count sum = {0};

	for (uint32_t i = 0; i < r->reasons; i++) {
		struct esc_count c = run_counter(r, i);

		if (exact && (c.packets != r->expect[i].packets || c.bytes != r->expect[i].bytes))
			fail_msg("%s: %s: reason %s counted %lu packets, %lu bytes; not %lu, %lu",
				 r->name, what, r->reason_name[i], (unsigned long)c.packets,
				 (unsigned long)c.bytes, (unsigned long)r->expect[i].packets,
				 (unsigned long)r->expect[i].bytes);
		r->expect[i] = c;
		sum.packets += c.packets;
		sum.bytes += c.bytes;
	}
	assert_int_equal(sum.packets, r->total.packets);
	assert_int_equal(sum.bytes, r->total.bytes);
}

/* Fails by name for each reason of the list that no row produced. */
static inline void run_assert_all_seen(const struct run *r)
{
	bool missing = false;

	for (uint32_t i = 0; i < r->reasons; i++) {
		if (r->seen >> i & 1)
			continue;
		print_error("%s: no row for reason %s\n", r->name, r->reason_name[i]);
		missing = true;
	}
	assert_false(missing);
}

static inline void run_cost(struct run *r, const char *what, const struct pkt *p)
{
	uint32_t ns;
	int verdict = run_repeat(r, p, 200000, &ns);

	printf("  %-8s %-34s verdict %d  %4u ns per packet\n", r->name, what, verdict, ns);
}

static inline void fill_cfg(int map, bool on, uint16_t port, uint32_t abi)
{
	struct esc_nic_cfg cfg = {.abi_version = abi, .on = on, .listen_port = htons(port)};
	uint32_t zero = 0;

	memcpy(cfg.mac, MAC_NODE, sizeof(cfg.mac));
	assert_int_equal(bpf_map_update_elem(map, &zero, &cfg, BPF_ANY), 0);
}

static inline void fill_addr(int map, const char *text)
{
	struct esc_addr_key key;
	uint8_t one = 1;

	map_key(text, key.addr);
	assert_int_equal(bpf_map_update_elem(map, &key, &one, BPF_ANY), 0);
}

/* Slot `queue` of an XSKMAP: this socket, or none (-1). */
static inline void fill_xsk(int map, uint32_t queue, int fd)
{
	if (fd >= 0)
		assert_int_equal(bpf_map_update_elem(map, &queue, &fd, BPF_ANY), 0);
	else
		bpf_map_delete_elem(map, &queue);
}

#endif
