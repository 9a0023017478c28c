/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * load.bpf.c: both ends of a packet-rate measurement.
 *   flood  run by BPF_PROG_TEST_RUN on live frames: sends its frame through a device, walking
 *          over `spread` destination addresses, one for each peer
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
__u32 turn = 0;

/* RFC 1624: the header checksum after one 16-bit word changed. */
static __always_inline __u16 fix_sum(__u16 check, __u16 from, __u16 to)
{
	__u32 sum = (__u16)~check + (__u16)~from + to;

	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16) ~((sum & 0xffff) + (sum >> 16));
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	if (spread > 1) {
		/* peer i has the network 10.(100 + i / 256).(i % 256).0/24 */
		__u32 i = turn++ % spread;
		__u32 to = bpf_htonl(0x0a640002 + (i << 8));

		ip->check = fix_sum(ip->check, (__u16)ip->daddr, (__u16)to);
		ip->check = fix_sum(ip->check, (__u16)(ip->daddr >> 16), (__u16)(to >> 16));
		ip->daddr = to;
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
