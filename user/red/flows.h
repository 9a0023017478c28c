/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flows.h: what the red process remembers about conversations and fragments: a table of fixed
 * size, made at the start, because a process that is locked in gets no more memory. Whose last
 * renewal is longest ago makes room. The hash is keyed: who chooses addresses and ports cannot
 * choose collisions. One thread.
 */
#ifndef ESC_RED_FLOWS_H
#define ESC_RED_FLOWS_H

#include <stdint.h>

#define FLOW_KEY_LEN 40u /* struct esc_conn_key, struct esc_frag_key */

struct flow {
	uint8_t key[FLOW_KEY_LEN];
	uint64_t until; /* monotonic ns; the owner's to set */
	uint32_t flags; /* the owner's; 0 when new */
	uint32_t chain, newer, older;
};

struct flows;

struct flows *flows_new(uint32_t capacity); /* NULL: out of memory, or no capacity */
void flows_free(struct flows *f);

/* NULL: not there, or its time is over. Padding in a key must be 0. */
struct flow *flows_find(struct flows *f, const void *key, uint64_t now);
/* Remember what flows_find() does not find. Never fails; another one may have made room. */
struct flow *flows_add(struct flows *f, const void *key);
/* It was renewed: it is the last one to make room. */
void flows_renew(struct flows *f, struct flow *flow);

#endif
