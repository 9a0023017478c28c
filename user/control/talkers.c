/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/talkers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#define SHOWN_PERCENT 2

int esc_talkers_open(struct esc_talkers *t, uint32_t max)
{
	*t = (struct esc_talkers){.max = max, .last = calloc(max, sizeof(*t->last))};
	return t->last ? 0 : -ENOMEM;
}

void esc_talkers_close(struct esc_talkers *t)
{
	free(t->last);
	*t = (struct esc_talkers){0};
}

void esc_talkers_reset(struct esc_talkers *t)
{
	t->lasts = 0;
	t->helds = 0;
	t->total = 0;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct esc_source_key)); /* the first member */
}

static int by_packets(const void *a, const void *b)
{
	const struct esc_talker_share *x = a, *y = b;

	return x->packets < y->packets ? 1 : x->packets > y->packets ? -1 : 0;
}

/* Its place; the smallest makes room, and nobody knows how much of its count it inherits. */
static struct esc_talker_share *place_of(struct esc_talkers *t, const struct esc_source_key *key)
{
	struct esc_talker_share *least = &t->held[0];

	for (uint32_t i = 0; i < t->helds; i++) {
		if (!memcmp(&t->held[i].key, key, sizeof(*key)))
			return &t->held[i];
		if (t->held[i].packets < least->packets)
			least = &t->held[i];
	}
	if (t->helds < ESC_TALKERS_HELD) {
		least = &t->held[t->helds++];
		*least = (struct esc_talker_share){.key = *key};
	} else {
		least->key = *key;
		least->surplus = least->packets;
		least->kinds = 0;
	}
	return least;
}

/* What came since it was read last; entries that were thrown out begin anew. */
static void count(struct esc_talkers *t, const struct esc_talker_reading *now,
		  const struct esc_talker_reading *then)
{
	uint64_t packets = 0;
	uint32_t kinds = 0;

	for (unsigned int k = 0; k < ESC_ATTACK_KINDS; k++) {
		uint64_t was = then && then->talker.first == now->talker.first
				       ? then->talker.packets[k]
				       : 0;

		if (now->talker.packets[k] <= was)
			continue;
		packets += now->talker.packets[k] - was;
		kinds |= 1u << k;
	}
	if (!packets)
		return;
	struct esc_talker_share *share = place_of(t, &now->key);
	share->packets += packets;
	share->kinds |= kinds;
	t->total += packets;
}

void esc_talkers_feed(struct esc_talkers *t, struct esc_talker_reading *r, uint32_t n,
		      uint64_t since)
{
	uint32_t at = 0;

	if (n > t->max)
		n = t->max;
	qsort(r, n, sizeof(*r), by_key);
	for (uint32_t i = 0; i < n; i++) {
		while (at < t->lasts && by_key(&t->last[at], &r[i]) < 0)
			at++;
		bool seen = at < t->lasts && !by_key(&t->last[at], &r[i]);

		if (seen || r[i].talker.first >= since)
			count(t, &r[i], seen ? &t->last[at] : NULL);
	}
	memcpy(t->last, r, n * sizeof(*r));
	t->lasts = n;
}

uint32_t esc_talkers_top(struct esc_talkers *t, struct esc_talker_share out[ESC_TALKERS_SHOWN])
{
	uint32_t n = 0;

	qsort(t->held, t->helds, sizeof(t->held[0]), by_packets);
	for (uint32_t i = 0; i < t->helds && n < ESC_TALKERS_SHOWN; i++) {
		const struct esc_talker_share *s = &t->held[i];

		if ((s->packets - s->surplus) * 100 >= t->total * SHOWN_PERCENT)
			out[n++] = *s;
	}
	return n;
}

const char *esc_talker_format(const struct esc_source_key *key, char buf[ESC_TALKER_STR])
{
	const uint8_t *a = key->addr;

	if (a[0] == 0xff)
		snprintf(buf, ESC_TALKER_STR, "%02x:%02x:%02x:%02x:%02x:%02x", a[10], a[11], a[12],
			 a[13], a[14], a[15]);
	else if (esc_addr_is_v4(a))
		esc_addr_format(a, buf);
	else
		esc_prefix_format(a, 64, buf);
	return buf;
}
