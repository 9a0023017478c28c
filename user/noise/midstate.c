/* SPDX-License-Identifier: BSD-2-Clause */
/* midstate.c: the key block of BLAKE2s (RFC 7693, 2.5, 2.9 and 3.3). */
#include "noise/midstate.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "noise/wire.h"

void wg_midstate(struct esc_blake2s_state *state, const uint8_t *key, size_t key_len)
{
	uint32_t block[ESC_BLAKE2S_BLOCK / 4] = {0};

	if (key_len < 1 || key_len > WG_KEY_LEN)
		abort();
	memcpy(block, key, key_len);
	for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++)
		block[i] = le32toh(block[i]);
	*state = (struct esc_blake2s_state){
		.h = {ESC_BLAKE2S_IV0, ESC_BLAKE2S_IV1, ESC_BLAKE2S_IV2, ESC_BLAKE2S_IV3,
		      ESC_BLAKE2S_IV4, ESC_BLAKE2S_IV5, ESC_BLAKE2S_IV6, ESC_BLAKE2S_IV7},
	};
	/* Parameter block: fanout and depth 1, length of the key, length of the result. */
	state->h[0] ^= 0x01010000u | (uint32_t)key_len << 8 | WG_MAC_LEN;
	esc_blake2s_compress(state, block, ESC_BLAKE2S_BLOCK, 0);
	sodium_memzero(block, sizeof(block));
}
