/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h: frames for the tests of the BPF programs. A packet is built layer by layer; a row of
 * a test table is a good packet with a few bytes changed ("patches"). Lengths and the IPv4 header
 * checksum follow what was built, unless a patch says otherwise.
 */
#ifndef ESC_TESTS_BPF_PACKET_H
#define ESC_TESTS_BPF_PACKET_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PKT_MAX	    2048
#define PATCHES_MAX 3

struct pkt {
	uint32_t len;
	uint8_t data[PKT_MAX];
};

struct patch {
	uint16_t at;
	uint16_t n; /* 0: unused */
	uint8_t bytes[16];
};

/* Where fields are in an untagged frame. */
enum {
	AT_DST_MAC = 0,
	AT_SRC_MAC = 6,
	AT_TYPE = 12,
	AT_ARP_HW = 14,
	AT_ARP_PROTO = 16,
	AT_ARP_HW_LEN = 18,
	AT_ARP_PROTO_LEN = 19,
	AT_ARP_OP = 20,
	AT_ARP_SENDER_MAC = 22,
	AT_ARP_SENDER = 28,
	AT_ARP_TARGET = 38,
	AT_IP4 = 14,
	AT_IP4_LEN = 16,
	AT_IP4_FRAG = 20,
	AT_IP4_PROTO = 23,
	AT_IP4_SUM = 24,
	AT_IP4_SRC = 26,
	AT_IP4_DST = 30,
	AT_L4_4 = 34,
	AT_IP6 = 14,
	AT_IP6_LEN = 18,
	AT_IP6_NEXT = 20,
	AT_IP6_HOPS = 21,
	AT_IP6_SRC = 22,
	AT_IP6_DST = 38,
	AT_L4_6 = 54,
	AT_ND_TARGET = 62,
	AT_UDP_LEN_4 = 38,
	AT_BOOTP = 42,
	AT_BOOTP_COOKIE = 278,
};

#define MAC_NODE      "\x02\x00\x00\x00\x00\x01"
#define MAC_HOST      "\x02\x00\x00\x00\x00\x02"
#define MAC_OTHER     "\x02\x00\x00\x00\x00\x03"
#define MAC_BROADCAST "\xff\xff\xff\xff\xff\xff"
#define MAC_IP4_GROUP "\x01\x00\x5e\x00\x00\x01"

static inline void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* RFC 1071 over n bytes, n even. */
static inline uint16_t checksum(const uint8_t *at, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i += 2)
		sum += get16(at + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline uint8_t *pkt_add(struct pkt *p, const void *bytes, uint32_t n)
{
	uint8_t *at = p->data + p->len;

	if (n > PKT_MAX - p->len)
		abort();
	if (bytes)
		memcpy(at, bytes, n);
	else
		memset(at, 0, n);
	p->len += n;
	return at;
}

static inline void pkt_eth(struct pkt *p, const char *dst, uint16_t type)
{
	uint8_t be[2];

	p->len = 0;
	put16(be, type);
	pkt_add(p, dst, 6);
	pkt_add(p, MAC_HOST, 6);
	pkt_add(p, be, 2);
}

/* Text or abort: the tests' own constants. */
static inline void address(int family, const char *text, void *out)
{
	if (inet_pton(family, text, out) != 1)
		abort();
}

/* The maps' form of an address, IPv4 mapped. */
static inline void map_key(const char *text, uint8_t key[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (strchr(text, ':')) {
		address(AF_INET6, text, key);
		return;
	}
	memcpy(key, mapped, sizeof(mapped));
	address(AF_INET, text, key + 12);
}

static inline void pkt_ip4_fix(struct pkt *p)
{
	put16(p->data + AT_IP4_SUM, 0);
	put16(p->data + AT_IP4_SUM, checksum(p->data + AT_IP4, 20));
}

static inline void pkt_arp(struct pkt *p, uint16_t op, const char *sender, const char *target)
{
	uint8_t *a;

	pkt_eth(p, MAC_BROADCAST, 0x0806);
	a = pkt_add(p, NULL, 28);
	memcpy(a, "\x00\x01\x08\x00\x06\x04", 6);
	put16(a + 6, op);
	memcpy(a + 8, MAC_HOST, 6);
	address(AF_INET, sender, a + 14);
	address(AF_INET, target, a + 24);
}

/* An IPv4 or IPv6 header for `payload` bytes that the caller adds. */
static inline void pkt_ip(struct pkt *p, const char *src, const char *dst, uint8_t proto,
			  uint32_t payload)
{
	uint8_t *ip;

	if (strchr(src, ':')) {
		pkt_eth(p, MAC_NODE, 0x86dd);
		ip = pkt_add(p, NULL, 40);
		ip[0] = 0x60;
		put16(ip + 4, payload);
		ip[6] = proto;
		ip[7] = proto == 58 ? 255 : 64;
		address(AF_INET6, src, ip + 8);
		address(AF_INET6, dst, ip + 24);
		return;
	}
	pkt_eth(p, MAC_NODE, 0x0800);
	ip = pkt_add(p, NULL, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + payload);
	ip[8] = 64;
	ip[9] = proto;
	address(AF_INET, src, ip + 12);
	address(AF_INET, dst, ip + 16);
	pkt_ip4_fix(p);
}

static inline void pkt_udp(struct pkt *p, const char *src, const char *dst, uint16_t port,
			   uint32_t payload)
{
	uint8_t *udp;

	pkt_ip(p, src, dst, 17, 8 + payload);
	udp = pkt_add(p, NULL, 8 + payload);
	put16(udp, 4000);
	put16(udp + 2, port);
	put16(udp + 4, 8 + payload);
}

static inline void pkt_wg(struct pkt *p, const char *src, const char *dst, uint16_t port,
			  uint8_t type, uint32_t len)
{
	pkt_udp(p, src, dst, port, len);
	if (len)
		p->data[p->len - len] = type;
}

/* Any ICMPv6 message: type, zeros up to the target, the target, then options of no content. */
static inline void pkt_nd(struct pkt *p, uint8_t type, const char *src, const char *dst,
			  const char *target)
{
	uint8_t *m;

	pkt_ip(p, src, dst, 58, 32);
	if (p->data[AT_IP6_DST] == 0xff) {
		memcpy(p->data + AT_DST_MAC, "\x33\x33", 2);
		memcpy(p->data + AT_DST_MAC + 2, p->data + AT_IP6_DST + 12, 4);
	}
	m = pkt_add(p, NULL, 32);
	m[0] = type;
	address(AF_INET6, target, m + 8);
	memcpy(m + 24, "\x01\x01" MAC_HOST, 8);
}

static inline void pkt_echo(struct pkt *p, const char *src, const char *dst, uint32_t data)
{
	pkt_ip(p, src, dst, strchr(src, ':') ? 58 : 1, 8 + data);
	*pkt_add(p, NULL, 8 + data) = strchr(src, ':') ? 128 : 8;
}

/* From the client to a server, or the answer: an option field of nothing but its end. */
static inline void pkt_dhcp4(struct pkt *p, int request, const char *src, const char *dst)
{
	uint8_t *udp, *m;

	pkt_ip(p, src, dst, 17, 8 + 241);
	udp = pkt_add(p, NULL, 8 + 241);
	put16(udp, request ? 68 : 67);
	put16(udp + 2, request ? 67 : 68);
	put16(udp + 4, 8 + 241);
	m = udp + 8;
	m[0] = request ? 1 : 2;
	m[1] = 1;
	m[2] = 6;
	memcpy(m + 236, "\x63\x82\x53\x63\xff", 5);
}

static inline void pkt_dhcp6(struct pkt *p, int request, const char *src, const char *dst)
{
	pkt_udp(p, src, dst, request ? 547 : 546, 4);
	put16(p->data + AT_L4_6, request ? 546 : 547);
}

/* The IPv4 checksum follows the patches, unless one of them sets it. */
static inline void pkt_patch(struct pkt *p, const struct patch *patches)
{
	int fix = get16(p->data + AT_TYPE) == 0x0800;

	for (int i = 0; i < PATCHES_MAX; i++) {
		memcpy(p->data + patches[i].at, patches[i].bytes, patches[i].n);
		if (patches[i].n && patches[i].at == AT_IP4_SUM)
			fix = 0;
	}
	if (fix)
		pkt_ip4_fix(p);
}

/* Marsaglia's xorshift: the same frames on every run. */
static inline uint32_t random32(void)
{
	static uint64_t s = 0x2545f4914f6cdd1dull;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (uint32_t)(s >> 16);
}

typedef void (*pkt_builder)(struct pkt *p);

/* Noise, or a good packet with up to three wrong bytes near its front, maybe cut, maybe longer. */
static inline void pkt_fuzz(struct pkt *p, const pkt_builder *good, uint32_t n)
{
	if (random32() % 8 == 0) {
		p->len = 14 + random32() % 1501;
		for (uint32_t i = 0; i < p->len; i++)
			p->data[i] = (uint8_t)random32();
		if (random32() % 2)
			memcpy(p->data, MAC_NODE MAC_HOST "\x08\x00", 14);
		return;
	}
	good[random32() % n](p);
	for (uint32_t i = random32() % 4; i; i--)
		p->data[random32() % (p->len < 80 ? p->len : 80)] = (uint8_t)random32();
	if (random32() % 2 && get16(p->data + AT_TYPE) == 0x0800)
		pkt_ip4_fix(p);
	if (random32() % 4 == 0)
		p->len = 14 + random32() % (p->len - 13);
	else if (random32() % 4 == 0)
		pkt_add(p, NULL, random32() % 64);
}

#endif
