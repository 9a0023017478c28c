/* SPDX-License-Identifier: BSD-2-Clause */
#include "red/icmp.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

static bool v4_icmp_error(const struct packet *p)
{
	if (p->protocol != IPPROTO_ICMP)
		return false;
	if (p->len == p->upper)
		return true; /* cannot tell: be silent */
	switch (p->ip[p->upper]) {
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return true;
	default:
		return false;
	}
}

/* Informational ICMPv6 messages have types from 128 on. What cannot be seen may be an error. */
static bool v6_icmp_error(const struct packet *p)
{
	if (p->protocol == NO_TRANSPORT)
		return true;
	return p->protocol == IPPROTO_ICMPV6 && (p->len == p->upper || p->ip[p->upper] < 128);
}

bool icmp_may_answer(const struct packet *p)
{
	if (p->later_fragment || !addr_routable(p->src) || !addr_routable(p->dst))
		return false;
	return p->v4 ? !v4_icmp_error(p) : !v6_icmp_error(p);
}

/* RFC 792; the next-hop MTU is RFC 1191's. */
static void v4_fields(uint8_t *icmp, enum icmp_error what, uint32_t mtu)
{
	memset(icmp, 0, ICMP_LEN);
	icmp[0] = ICMP_DEST_UNREACH;
	switch (what) {
	case ICMP_ERROR_TTL:
		icmp[0] = ICMP_TIME_EXCEEDED;
		break;
	case ICMP_ERROR_TOO_BIG:
		icmp[1] = ICMP_FRAG_NEEDED;
		put16(icmp + 6, (uint16_t)mtu);
		break;
	case ICMP_ERROR_HOST:
		icmp[1] = ICMP_HOST_UNREACH;
		break;
	}
}

static void v6_fields(uint8_t *icmp, enum icmp_error what, uint32_t mtu)
{
	memset(icmp, 0, ICMP_LEN);
	switch (what) {
	case ICMP_ERROR_TTL:
		icmp[0] = ICMP6_TIME_EXCEEDED;
		break;
	case ICMP_ERROR_TOO_BIG:
		icmp[0] = ICMP6_PACKET_TOO_BIG;
		put16(icmp + 4, (uint16_t)(mtu >> 16));
		put16(icmp + 6, (uint16_t)mtu);
		break;
	case ICMP_ERROR_HOST:
		icmp[0] = ICMP6_DST_UNREACH;
		icmp[1] = ICMP6_DST_UNREACH_ADDR;
		break;
	}
}

uint32_t icmp_error(uint8_t *out, uint32_t room, const struct packet *p, const uint8_t own[16],
		    enum icmp_error what, uint32_t mtu)
{
	uint32_t header = p->v4 ? IPV4_LEN : IPV6_LEN;
	uint32_t most = p->v4 ? ICMP_ERROR_V4_MAX : ICMP_ERROR_V6_MAX;

	if (room < most)
		return 0;
	uint32_t quote = p->len < most - header - ICMP_LEN ? p->len : most - header - ICMP_LEN;
	uint32_t len = header + ICMP_LEN + quote;
	uint8_t *icmp = out + header;
	memcpy(icmp + ICMP_LEN, p->ip, quote);
	if (p->v4) {
		v4_fields(icmp, what, mtu);
		ipv4_write(out, own, p->src, len, IPPROTO_ICMP);
		put16(icmp + 2, checksum_end(checksum_add(0, icmp, len - header)));
	} else {
		v6_fields(icmp, what, mtu);
		ipv6_write(out, own, p->src, len, IPPROTO_ICMPV6);
		uint32_t sum = checksum_pseudo6(own, p->src, len - header, IPPROTO_ICMPV6);
		put16(icmp + 2, checksum_end(checksum_add(sum, icmp, len - header)));
	}
	return len;
}

bool icmp_is_echo_request(const struct packet *p)
{
	const uint8_t *icmp = p->ip + p->upper;

	if (p->fragment || p->upper != (p->v4 ? IPV4_LEN : IPV6_LEN) ||
	    p->len < p->upper + ICMP_LEN || icmp[1])
		return false;
	return p->v4 ? p->protocol == IPPROTO_ICMP && icmp[0] == ICMP_ECHO
		     : p->protocol == IPPROTO_ICMPV6 && icmp[0] == ICMP6_ECHO_REQUEST;
}

void icmp_echo_reply(struct packet *p)
{
	uint8_t *icmp = p->ip + p->header, *addr = p->ip + (p->v4 ? 12 : 8);
	uint32_t size = p->v4 ? 4 : 16;
	uint16_t before = get16(icmp);
	uint8_t src[16];

	memcpy(src, addr, size); /* swapping addresses leaves every checksum as it is */
	memcpy(addr, addr + size, size);
	memcpy(addr + size, src, size);
	icmp[0] = p->v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
	checksum_replace(icmp + 2, before, get16(icmp));
	if (!p->v4) {
		p->ip[7] = TTL_START;
		return;
	}
	uint16_t ttl = get16(p->ip + 8);
	p->ip[8] = TTL_START;
	checksum_replace(p->ip + 10, ttl, get16(p->ip + 8));
}
