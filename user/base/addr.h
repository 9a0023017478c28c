/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addr.h: IP addresses as 16 bytes in network order; IPv4 as ::ffff:a.b.c.d. A prefix length
 * counts in the 128-bit form, so IPv4 a.b.c.d/n is 96 + n.
 */
#ifndef ESC_BASE_ADDR_H
#define ESC_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ESC_ADDR_STR   46 /* "…" and NUL */
#define ESC_PREFIX_STR 50
#define ESC_EP_STR     56

static inline bool esc_addr_is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a, mapped, sizeof(mapped));
}

static inline void esc_addr_from_v4(uint8_t out[16], const void *v4)
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, v4, 4);
}

/* "192.0.2.1" or "2001:db8::1"; buf holds ESC_ADDR_STR bytes. Returns buf. */
char *esc_addr_format(const uint8_t a[16], char *buf);
/* "192.0.2.0/24"; buf holds ESC_PREFIX_STR bytes. */
char *esc_prefix_format(const uint8_t a[16], uint8_t len, char *buf);
/* "192.0.2.1:51820" or "[2001:db8::1]:51820"; buf holds ESC_EP_STR bytes. */
char *esc_endpoint_format(const uint8_t a[16], uint16_t port, char *buf);

/* Numeric only, the whole string; false if it is anything else. */
bool esc_addr_parse(const char *s, uint8_t a[16]);
/* "addr" or "addr/len" (a bare address is a host prefix); host bits are cleared. */
bool esc_prefix_parse(const char *s, uint8_t a[16], uint8_t *len);
/* "1.2.3.4:port" or "[v6]:port", port 1..65535. */
bool esc_endpoint_parse(const char *s, uint8_t a[16], uint16_t *port);

/* Clear the bits beyond len. */
void esc_addr_mask(uint8_t a[16], uint8_t len);
/* Are the first len bits (at most 128) of both the same? */
bool esc_addr_within(const uint8_t a[16], const uint8_t prefix[16], uint8_t len);

#endif
