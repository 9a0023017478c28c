/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * red_packets.h: IP packets for tests of the red process, made and checked without its own code:
 * whoever is wrong, the two differ.
 */
#ifndef ESC_TESTS_RED_PACKETS_H
#define ESC_TESTS_RED_PACKETS_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The slow, obvious Internet checksum: 16-bit words, one at a time; 0xffff if all is well. */
static inline uint16_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline void set16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline size_t read16(const uint8_t *p)
{
	return (size_t)(p[0] << 8 | p[1]);
}

static inline size_t v4_header(const uint8_t *ip)
{
	return (ip[0] & 15u) * 4u;
}

/* Make the header's checksum right again after a change. */
static inline void seal_v4(uint8_t *ip)
{
	set16(ip + 10, 0);
	set16(ip + 10, (uint16_t)~slow_sum(ip, v4_header(ip), 0));
}

static inline bool v4_header_ok(const uint8_t *ip)
{
	return slow_sum(ip, v4_header(ip), 0) == 0xffff;
}

/* Sum over the transport part of a whole packet, with its pseudo-header if it has one. */
static inline uint16_t transport_sum(const uint8_t *ip)
{
	bool v4 = ip[0] >> 4 == 4;
	size_t header = v4 ? v4_header(ip) : 40;
	size_t len = v4 ? read16(ip + 2) - header : read16(ip + 4);
	uint8_t protocol = ip[v4 ? 9 : 6];
	uint32_t sum = 0;

	if (!v4 || protocol != IPPROTO_ICMP)
		sum = slow_sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32, (uint32_t)len + protocol);
	return slow_sum(ip + header, len, sum);
}

static inline void seal_transport(uint8_t *ip, size_t at)
{
	size_t header = ip[0] >> 4 == 4 ? v4_header(ip) : 40;

	set16(ip + header + at, 0);
	set16(ip + header + at, (uint16_t)~transport_sum(ip));
}

/* Payload bytes that differ from place to place. */
static inline void fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + (i >> 8) + 1);
}

/* Each returns the packet's length. TTL 64. */
static inline size_t make_v4(uint8_t *ip, const char *src, const char *dst, uint8_t protocol,
			     size_t payload)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	set16(ip + 2, 20 + payload);
	ip[8] = 64;
	ip[9] = protocol;
	inet_pton(AF_INET, src, ip + 12);
	inet_pton(AF_INET, dst, ip + 16);
	fill(ip + 20, payload);
	seal_v4(ip);
	return 20 + payload;
}

static inline size_t make_v6(uint8_t *ip, const char *src, const char *dst, uint8_t protocol,
			     size_t payload)
{
	memset(ip, 0, 40);
	ip[0] = 0x60;
	set16(ip + 4, payload);
	ip[6] = protocol;
	ip[7] = 64;
	inet_pton(AF_INET6, src, ip + 8);
	inet_pton(AF_INET6, dst, ip + 24);
	fill(ip + 40, payload);
	return 40 + payload;
}

/* An echo request with `data` bytes; v4 or v6 by the look of the addresses. */
static inline size_t make_echo(uint8_t *ip, const char *src, const char *dst, size_t data)
{
	bool v4 = !strchr(src, ':');
	size_t len = v4 ? make_v4(ip, src, dst, IPPROTO_ICMP, 8 + data)
			: make_v6(ip, src, dst, IPPROTO_ICMPV6, 8 + data);
	uint8_t *icmp = ip + (v4 ? 20 : 40);

	icmp[0] = v4 ? 8 : 128;
	icmp[1] = 0;
	seal_transport(ip, 2);
	return len;
}

/* Put `options` (a multiple of 4 bytes) into an IPv4 packet without any; returns its length. */
static inline size_t add_options(uint8_t *ip, const uint8_t *options, size_t n)
{
	size_t len = read16(ip + 2);

	memmove(ip + 20 + n, ip + 20, len - 20);
	memcpy(ip + 20, options, n);
	ip[0] = (uint8_t)(0x45 + n / 4);
	set16(ip + 2, len + n);
	seal_v4(ip);
	return len + n;
}

/* Put an IPv6 extension header of n bytes (a multiple of 8) before what follows the header. */
static inline size_t add_extension(uint8_t *ip, uint8_t type, size_t n)
{
	size_t len = 40 + read16(ip + 4);

	memmove(ip + 40 + n, ip + 40, len - 40);
	memset(ip + 40, 0, n);
	ip[40] = ip[6];
	ip[41] = (uint8_t)(n / 8 - 1);
	ip[6] = type;
	set16(ip + 4, len - 40 + n);
	return len + n;
}

#endif
