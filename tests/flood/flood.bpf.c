/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * flood.bpf.c: run by BPF_PROG_TEST_RUN on live frames. Each run writes the next frame of a table,
 * an invented source, random words and MACs where asked for, and sends it through a device; or
 * drops it, where the rate, the time or the count allows no more. The core that runs it so is busy
 * at any rate: what the flood's target has to work with does not depend on it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "mac.h"
#include "table.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOOD_FRAMES_MAX);
	__type(key, __u32);
	__type(value, struct flood_frame);
} frames SEC(".maps");

volatile const struct flood_plan plan = {};
struct flood_state state = {};

typedef __u32 __attribute__((__may_alias__)) word;

/* At most a batch ahead of its time, so that a pause is not made up for. */
static __always_inline int in_time(void)
{
	__u64 now;

	if (state.sent >= plan.count)
		return 0;
	if (!plan.interval) {
		if (!(state.turn++ & 63))
			state.over = bpf_ktime_get_ns() >= plan.end;
		return !state.over;
	}
	now = bpf_ktime_get_ns();
	if (now >= plan.end || now < state.next)
		return 0;
	if (!state.next)
		state.next = now;
	else if (state.next + 64 * plan.interval < now)
		state.next = now - 64 * plan.interval;
	state.next += plan.interval;
	return 1;
}

static __always_inline void ip4_source(struct iphdr *ip)
{
	const word *w = (const word *)ip;
	__u64 sum;

	/* in 16.0.0.0/4 or 48.0.0.0/4 */
	ip->saddr = bpf_htonl(0x10000000 | (bpf_get_prandom_u32() & 0x2fffffff));
	ip->check = 0;
	sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = (__u16)~sum;
}

static __always_inline void source(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip6 + 1);

	if ((void *)(udp + 1) > end)
		return;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		ip4_source(ip);
		udp = (void *)(ip + 1);
	} else {
		ip6->saddr.s6_addr32[0] = bpf_htonl(0x20010db9);
		ip6->saddr.s6_addr32[1] = bpf_get_prandom_u32(); /* another /64 */
	}
	udp->source = (__u16)bpf_get_prandom_u32() | bpf_htons(1024);
}

static __always_inline void mac(struct esc_mac_work *w, __u32 key, esc_u32 *msg, int n)
{
	for (int i = 0; i < 8; i++)
		w->s.h[i] = plan.key[key].h[i];
	esc_mac_check(w, msg, n);
	for (int i = 0; i < MAC_WORDS; i++)
		msg[n + i] = w->s.h[i];
}

/* An initiation that was never sent before: copies are known as such. */
static __always_inline void macs(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	esc_u32 *msg = data + (plan.message_at & 0xff);
	__u32 zero = 0;
	struct esc_mac_work *w = bpf_map_lookup_elem(&black_mac, &zero);

	if (!w || (void *)(msg + INITIATION_WORDS + 2 * MAC_WORDS) > end)
		return;
	mac(w, 0, msg, INITIATION_WORDS);
	if (plan.macs > 1)
		mac(w, 1, msg, INITIATION_WORDS + MAC_WORDS);
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	__u32 i = (__u32)state.sent % (plan.frames ? plan.frames : 1), at;
	struct flood_frame *frame;

	if (!in_time())
		return XDP_DROP;
	frame = bpf_map_lookup_elem(&frames, &i);
	if (!frame || bpf_xdp_store_bytes(ctx, 0, frame->bytes, plan.head & (FLOOD_HEAD_MAX - 1)))
		return XDP_ABORTED;
	if (plan.spread)
		source(ctx);
	for (i = 0; i < FLOOD_RANDOM_MAX; i++) {
		word *w = (void *)(long)ctx->data;

		at = plan.random_at[i] & 0xff;
		if (!at)
			break;
		w = (void *)w + at;
		if ((void *)(w + 1) <= (void *)(long)ctx->data_end)
			*w = bpf_get_prandom_u32();
	}
	if (plan.macs)
		macs(ctx);
	state.sent++;
	return bpf_redirect(plan.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
