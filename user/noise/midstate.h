/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * midstate.h: a keyed BLAKE2s with a 16-byte result, stopped after the block that holds the key:
 * what guard.h publishes so that the black program checks MACs without the key (R3). libcrypto
 * cannot export the state of a hash, so this is done here.
 */
#ifndef ESC_NOISE_MIDSTATE_H
#define ESC_NOISE_MIDSTATE_H

#include <stddef.h>
#include <stdint.h>

#include "blake2s.h"

/*
 * key_len 1..32, as for wg_mac(); other lengths end the process. No copy of the key stays. From the
 * state anyone can make MACs of that key, so it is as public as they may be.
 */
void wg_midstate(struct esc_blake2s_state *state, const uint8_t *key, size_t key_len);

#endif
