/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_table.h: the inside of a model, for model.c, model_batch.c and model_diff.c only. Chained
 * hash tables over fixed arrays, linked by index, so that cloning is a copy; index 0 is "none".
 */
#ifndef ESC_CONTROL_MODEL_TABLE_H
#define ESC_CONTROL_MODEL_TABLE_H

#include "control/model.h"

#define ESC_PEER_BUCKETS   2048u
#define ESC_PREFIX_BUCKETS 32768u

struct esc_prefix_entry {
	struct esc_prefix prefix;
	uint32_t owner;		 /* peer id */
	uint32_t next_in_bucket; /* also links the free entries */
	uint32_t next, prev;	 /* of the same peer */
};

struct esc_model_table {
	struct esc_peer peer[ESC_PEERS_MAX];
	uint32_t peer_bucket[ESC_PEER_BUCKETS]; /* id + 1 */
	struct esc_prefix_entry entry[ESC_PREFIXES_MAX + 1];
	uint32_t prefix_bucket[ESC_PREFIX_BUCKETS];
	uint32_t free_entry;
	uint32_t fresh_entry; /* entries from here on were never used */
	uint32_t next_slot;   /* slots are taken in turn, so that a freed one rests */
	uint32_t generation;
};

struct esc_secrets {
	uint8_t private_key[ESC_KEY_LEN];
	uint8_t psk[ESC_PEERS_MAX][ESC_KEY_LEN];
};

#endif
