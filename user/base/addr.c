/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

char *esc_addr_format(const uint8_t a[16], char *buf)
{
	const char *s = esc_addr_is_v4(a) ? inet_ntop(AF_INET, a + 12, buf, ESC_ADDR_STR)
					  : inet_ntop(AF_INET6, a, buf, ESC_ADDR_STR);

	if (!s)
		buf[0] = '\0';
	return buf;
}

char *esc_prefix_format(const uint8_t a[16], uint8_t len, char *buf)
{
	char addr[ESC_ADDR_STR];

	snprintf(buf, ESC_PREFIX_STR, "%s/%u", esc_addr_format(a, addr),
		 esc_addr_is_v4(a) && len >= 96 ? len - 96u : len);
	return buf;
}

char *esc_endpoint_format(const uint8_t a[16], uint16_t port, char *buf)
{
	char addr[ESC_ADDR_STR];

	esc_addr_format(a, addr);
	snprintf(buf, ESC_EP_STR, esc_addr_is_v4(a) ? "%s:%u" : "[%s]:%u", addr, port);
	return buf;
}

bool esc_addr_parse(const char *s, uint8_t a[16])
{
	uint8_t v4[4];

	if (inet_pton(AF_INET, s, v4) == 1) {
		esc_addr_from_v4(a, v4);
		return true;
	}
	return inet_pton(AF_INET6, s, a) == 1;
}

/* Decimal digits only, no sign, no blanks: 0..max. */
static bool parse_number(const char *s, unsigned int max, unsigned int *out)
{
	unsigned int v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (unsigned int)(*s - '0');
		if (v > max)
			return false;
	}
	*out = v;
	return true;
}

bool esc_prefix_parse(const char *s, uint8_t a[16], uint8_t *len)
{
	char addr[ESC_ADDR_STR];
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);

	if (n >= sizeof(addr))
		return false;
	memcpy(addr, s, n);
	addr[n] = '\0';
	if (!esc_addr_parse(addr, a))
		return false;
	bool v4 = !strchr(addr, ':');
	unsigned int bits = v4 ? 32 : 128;
	if (slash && !parse_number(slash + 1, bits, &bits))
		return false;
	*len = (uint8_t)(v4 ? bits + 96 : bits);
	esc_addr_mask(a, *len);
	return true;
}

bool esc_endpoint_parse(const char *s, uint8_t a[16], uint16_t *port)
{
	char addr[ESC_ADDR_STR];
	const char *colon = strrchr(s, ':');
	unsigned int p;

	if (!colon || !parse_number(colon + 1, 65535, &p) || !p)
		return false;
	bool v6 = *s == '[';
	if (v6 && (colon == s + 1 || colon[-1] != ']'))
		return false;
	const char *start = v6 ? s + 1 : s;
	const char *end = v6 ? colon - 1 : colon;
	if ((size_t)(end - start) >= sizeof(addr))
		return false;
	memcpy(addr, start, (size_t)(end - start));
	addr[end - start] = '\0';
	if (v6 != (strchr(addr, ':') != NULL) || !esc_addr_parse(addr, a))
		return false;
	*port = (uint16_t)p;
	return true;
}

void esc_addr_mask(uint8_t a[16], uint8_t len)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int keep = len > i * 8 ? len - i * 8u : 0;

		if (keep < 8)
			a[i] &= (uint8_t)(0xff00u >> keep);
	}
}

bool esc_addr_within(const uint8_t a[16], const uint8_t prefix[16], uint8_t len)
{
	uint32_t bytes = len / 8, bits = len % 8;

	return !memcmp(a, prefix, bytes) && (!bits || !((a[bytes] ^ prefix[bytes]) >> (8 - bits)));
}
