/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * load.bpf.c: both ends of a packet-rate measurement.
 *   flood  run by BPF_PROG_TEST_RUN on live frames: sends its frame through a device, walking
 *          over `spread` destination addresses, one for each peer; or over `ports` source ports,
 *          and then, if `fresh`, the same with the next destination: each packet a new flow.
 *          With `ports` it may be changed by who forwards it
 *   sink   attached to the receiving device: counts and drops what is measured, passes the rest
 *   grab   hands UDP to the discard port to an AF_XDP socket, passes the rest
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DISCARD_PORT 9
#define WG_DATA	     4
#define HEAD	     (sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct udphdr))

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

volatile const __u32 out_ifindex = 0;
volatile const __u32 spread = 1;
volatile const __u32 ports = 0;
volatile const __u32 fresh = 0;
const __u8 head[HEAD] = {};
__u32 turn = 0;

/* RFC 1624: the header checksum after one 16-bit word changed. */
static __always_inline __u16 fix_sum(__u16 check, __u16 from, __u16 to)
{
	__u32 sum = (__u16)~check + (__u16)~from + to;

	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16) ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline void send_to(struct iphdr *ip, __u32 to)
{
	to = bpf_htonl(to);
	ip->check = fix_sum(ip->check, (__u16)ip->daddr, (__u16)to);
	ip->check = fix_sum(ip->check, (__u16)(ip->daddr >> 16), (__u16)(to >> 16));
	ip->daddr = to;
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > end)
		return XDP_DROP;
	if (spread > 1) /* peer i has the network 10.(100 + i / 256).(i % 256).0/24 */
		send_to(ip, 0x0a640002 + (turn++ % spread << 8));
	if (ports) {
		__u32 i = turn++;

		/* The memory is used again: whoever forwarded the last packet in it changed it. */
		for (__u32 n = 0; n < HEAD; n++)
			((__u8 *)data)[n] = ((const volatile __u8 *)head)[n];
		udp->source = bpf_htons((__u16)(1024 + i % ports)); /* there is no UDP checksum */
		if (fresh)
			send_to(ip,
				0xc6120001 + i / ports % 0x10000); /* RFC 2544's 198.18.0.0/15 */
	}
	return bpf_redirect(out_ifindex, 0);
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u8 *type = (void *)(udp + 1);
	__u32 zero = 0;

	if ((void *)(type + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if (udp->dest != bpf_htons(DISCARD_PORT) && *type != WG_DATA)
		return XDP_PASS;
	__u64 *n = bpf_map_lookup_elem(&counted, &zero);
	if (n)
		(*n)++;
	return XDP_DROP;
}

SEC("xdp")
int grab(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(DISCARD_PORT))
		return XDP_PASS;
	return bpf_redirect_map(&sockets, 0, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
