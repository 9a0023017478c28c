/* SPDX-License-Identifier: BSD-2-Clause */
#include "red/mss.h"

#include <netinet/in.h>
#include <string.h>

#define TCP_LEN	    20u
#define TCP_LEN_MAX 60u
#define TCP_SYN	    0x02
#define OPTION_END  0
#define OPTION_NOP  1
#define OPTION_MSS  2
#define MSS_MINIMUM 536u /* RFC 1122, 4.2.2.6: what every host must accept */

/* tcp is the header in the packet; its MSS option was seen to have `mss` at `at`. */
static bool lower(uint8_t *tcp, uint32_t at, uint16_t mss, uint16_t limit)
{
	bool odd = at & 1;

	if (mss <= limit)
		return false;
	put16(tcp + at, limit);
	/* An option at an odd offset straddles two words of the sum: its bytes swap places. */
	checksum_replace(tcp + 16, odd ? __builtin_bswap16(mss) : mss,
			 odd ? __builtin_bswap16(limit) : limit);
	return true;
}

bool mss_clamp(struct packet *p, uint32_t mtu)
{
	uint32_t overhead = (p->v4 ? IPV4_LEN : IPV6_LEN) + TCP_LEN, there = p->len - p->upper;
	uint8_t *tcp = p->ip + p->upper, seen[TCP_LEN_MAX];

	if (p->protocol != IPPROTO_TCP || p->later_fragment || there < TCP_LEN ||
	    !(tcp[13] & TCP_SYN) || mtu < overhead + MSS_MINIMUM)
		return false;
	/* Crypto can write to this memory as well: look at one state of it. */
	memcpy(seen, tcp, there < TCP_LEN_MAX ? there : TCP_LEN_MAX);
	uint32_t end = (seen[12] >> 4) * 4u;
	if (end < TCP_LEN || end > there)
		return false;
	for (uint32_t at = TCP_LEN; at < end && seen[at] != OPTION_END;) {
		if (seen[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (end - at < 2 || seen[at + 1] < 2 || seen[at + 1] > end - at)
			return false;
		if (seen[at] == OPTION_MSS && seen[at + 1] == 4)
			return lower(tcp, at + 2, get16(seen + at + 2), (uint16_t)(mtu - overhead));
		at += seen[at + 1];
	}
	return false;
}
