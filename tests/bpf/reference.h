/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reference.h: checksums as RFC 1071 describes them, byte by byte and from scratch, to judge what
 * programs have updated; and a run of a program that changes its frame.
 */
#ifndef ESC_TESTS_BPF_REFERENCE_H
#define ESC_TESTS_BPF_REFERENCE_H

#include "run.h"

/* `len` bytes, an odd last one as if a zero followed. */
static inline uint32_t ref_add(uint32_t sum, const uint8_t *at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* The transport checksum of `len` bytes of `proto` behind an IP header; its field counts as 0. */
static inline uint16_t ref_transport(const uint8_t *ip, uint8_t proto, const uint8_t *l4,
				     uint32_t len, uint32_t field)
{
	uint8_t tail[8] = {0}, copy[PKT_MAX];
	uint32_t sum = 0;

	memcpy(copy, l4, len);
	put16(copy + field, 0);
	put16(tail + 2, len);
	tail[7] = proto;
	if (proto != 1) {
		sum = ip[0] >> 4 == 6 ? ref_add(0, ip + 8, 32) : ref_add(0, ip + 12, 8);
		sum = ref_add(sum, tail, sizeof(tail));
	}
	return (uint16_t)~ref_add(sum, copy, len);
}

/* Where the checksum is in a header of this protocol. */
static inline uint32_t ref_field(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

/* Set all checksums of the whole packet at `ip`, of `len` bytes, without options. */
static inline void ref_fix(uint8_t *ip, uint32_t len)
{
	bool six = ip[0] >> 4 == 6;
	uint32_t header = six ? 40 : 20;
	uint8_t proto = ip[six ? 6 : 9];
	uint32_t field = ref_field(proto);
	uint16_t sum;

	if (!six) {
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~ref_add(0, ip, 20));
	}
	sum = ref_transport(ip, proto, ip + header, len - header, field);
	put16(ip + header + field, proto == 17 && !sum ? 0xffff : sum);
}

/* One frame through a program: the verdict; what it has become. */
static inline int run_change(int prog, const struct pkt *in, struct pkt *out)
{
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts),
		.data_in = in->data,
		.data_size_in = in->len,
		.data_out = out->data,
		.data_size_out = sizeof(out->data),
		.repeat = 1,
	};

	if (bpf_prog_test_run_opts(prog, &opts))
		fail_msg("test run of %u bytes: %s", in->len, strerror(errno));
	out->len = opts.data_size_out;
	return (int)opts.retval;
}

static inline void assert_same_frame(const struct pkt *got, const struct pkt *want)
{
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->data, want->data, want->len);
}

#endif
