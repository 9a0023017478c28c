/* SPDX-License-Identifier: BSD-2-Clause */
#include "red/mss.h"

#include <netinet/in.h>

#define TCP_LEN	    20u
#define TCP_SYN	    0x02
#define OPTION_END  0
#define OPTION_NOP  1
#define OPTION_MSS  2
#define MSS_MINIMUM 536u /* RFC 1122, 4.2.2.6: what every host must accept */

static bool lower(uint8_t *tcp, uint8_t *value, uint32_t offset, uint16_t limit)
{
	uint16_t mss = get16(value);

	if (mss <= limit)
		return false;
	/* An option at an odd offset straddles two words of the sum: its bytes swap places. */
	bool odd = offset & 1;
	put16(value, limit);
	checksum_replace(tcp + 16, odd ? __builtin_bswap16(mss) : mss,
			 odd ? __builtin_bswap16(limit) : limit);
	return true;
}

bool mss_clamp(struct packet *p, uint32_t mtu)
{
	uint32_t overhead = (p->v4 ? IPV4_LEN : IPV6_LEN) + TCP_LEN;

	if (p->protocol != IPPROTO_TCP || p->later_fragment || p->len < p->upper + TCP_LEN ||
	    mtu < overhead + MSS_MINIMUM)
		return false;
	uint8_t *tcp = p->ip + p->upper;
	uint32_t end = (tcp[12] >> 4) * 4u;
	if (!(tcp[13] & TCP_SYN) || end < TCP_LEN || end > p->len - p->upper)
		return false;
	for (uint32_t at = TCP_LEN; at < end && tcp[at] != OPTION_END;) {
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (end - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > end - at)
			return false;
		if (tcp[at] == OPTION_MSS && tcp[at + 1] == 4)
			return lower(tcp, tcp + at + 2, at + 2, (uint16_t)(mtu - overhead));
		at += tcp[at + 1];
	}
	return false;
}
