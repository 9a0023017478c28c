/* SPDX-License-Identifier: BSD-2-Clause */
/* capture.c: WireGuard messages that were on the wire (pcap of Ethernet, as tcpdump -w writes). */
#include "flood.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#define PCAP_HEADER 24u
#define PCAP_RECORD 16u

/* The message of an unfragmented UDP packet to f->to, or NULL. */
static const uint8_t *message(const struct flood *f, const uint8_t *p, uint32_t len,
			      struct wg_endpoint *from, uint32_t *msg_len)
{
	uint32_t at = flood_message_at(f);
	struct udphdr udp;
	uint8_t to[16];

	if (len < at + 4)
		return NULL;
	if (p[12] == 8 && p[13] == 0 && esc_addr_is_v4(f->to.addr) && p[14] == 0x45) {
		esc_addr_from_v4(from->addr, p + 26);
		esc_addr_from_v4(to, p + 30);
	} else if (p[12] == 0x86 && p[13] == 0xdd && !esc_addr_is_v4(f->to.addr)) {
		memcpy(from->addr, p + 22, 16);
		memcpy(to, p + 38, 16);
	} else {
		return NULL;
	}
	memcpy(&udp, p + at - sizeof(udp), sizeof(udp));
	from->port = ntohs(udp.source);
	*msg_len = ntohs(udp.len) - (uint32_t)sizeof(udp);
	if (memcmp(to, f->to.addr, 16) || ntohs(udp.dest) != f->to.port || *msg_len > len - at)
		return NULL;
	return p + at;
}

int flood_capture(const struct flood *f, uint32_t type,
		  int (*each)(struct flood *f, const struct wg_endpoint *from, const uint8_t *msg,
			      uint32_t len, void *arg),
		  struct flood *pass, void *arg)
{
	uint8_t head[PCAP_HEADER], record[PCAP_RECORD], frame[65536];
	FILE *file = fopen(f->capture, "rb");
	int found = 0;

	if (!file || fread(head, sizeof(head), 1, file) != 1) {
		fprintf(stderr, "flood: capture %s: %s\n", f->capture,
			file ? "not a pcap file" : strerror(errno));
		if (file)
			fclose(file);
		return -1;
	}
	while (fread(record, sizeof(record), 1, file) == 1) {
		struct wg_endpoint from;
		uint32_t len, msg_len, word;
		const uint8_t *msg;

		memcpy(&len, record + 8, sizeof(len));
		if (len > sizeof(frame) || fread(frame, 1, len, file) != len)
			break;
		msg = message(f, frame, len, &from, &msg_len);
		if (!msg)
			continue;
		memcpy(&word, msg, sizeof(word));
		if (le32toh(word) != type)
			continue;
		found++;
		if (each(pass, &from, msg, msg_len, arg))
			break;
	}
	fclose(file);
	return found;
}
