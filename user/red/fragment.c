/* SPDX-License-Identifier: BSD-2-Clause */
#include "red/fragment.h"

#include <netinet/ip.h>
#include <string.h>

#define OPTION_COPIED 0x80

/* Options that belong to the first fragment only become no-operations in the others. */
static void blank_options(uint8_t *ip, uint32_t header)
{
	for (uint32_t at = IPV4_LEN; at < header && ip[at] != IPOPT_END;) {
		uint32_t len = ip[at] == IPOPT_NOP || header - at < 2 ? 1 : ip[at + 1];

		if (!len || len > header - at)
			len = header - at;
		if (!(ip[at] & OPTION_COPIED))
			memset(ip + at, IPOPT_NOP, len);
		at += len;
	}
}

uint32_t fragment_v4(const struct packet *p, uint32_t mtu, const struct fragment_sink *sink)
{
	uint32_t payload = p->len - p->header, n = 0;

	if (!p->v4 || p->df || mtu < p->header + 8)
		return 0;
	uint32_t step = (mtu - p->header) & ~7u;
	uint16_t field = get16(p->ip + 6);
	if ((field & IP_OFFMASK) * 8u + payload > IP_MAXPACKET) /* would end where none can */
		return 0;
	for (uint32_t at = 0; at < payload; at += step, n++) {
		uint32_t size = payload - at < step ? payload - at : step;
		uint8_t *ip = sink->room(sink->arg, p->header + size);

		if (!ip)
			return 0;
		memcpy(ip, p->ip, p->header);
		memcpy(ip + p->header, p->ip + p->header + at, size);
		if (at)
			blank_options(ip, p->header);
		bool more = at + size < payload || (field & IP_MF);
		put16(ip + 2, (uint16_t)(p->header + size));
		put16(ip + 6, (uint16_t)((field & ~IP_MF) + at / 8 + (more ? IP_MF : 0)));
		put16(ip + 10, 0);
		put16(ip + 10, checksum_end(checksum_add(0, ip, p->header)));
		sink->emit(sink->arg, ip, p->header + size);
	}
	return n;
}
