/* SPDX-License-Identifier: BSD-2-Clause */
#include "noise/publish.h"

#include <sodium.h>
#include <string.h>

#include "noise/midstate.h"

static void store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void wipe(struct esc_guard *g)
{
	store(&g->abi_version, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	sodium_memzero(g, sizeof(*g));
}

void wg_guard_begin(struct esc_guard *g)
{
	wipe(g);
	store(&g->abi_version, ESC_ABI_VERSION);
}

void wg_guard_end(struct esc_guard *g)
{
	wipe(g);
}

void wg_guard_session(struct esc_guard *g, uint32_t slot, uint32_t value)
{
	store(&g->session[slot], value);
}

void wg_guard_mac1(struct esc_guard *g, const uint8_t key[WG_KEY_LEN])
{
	uint32_t number = g->mac1_number + 1 ? g->mac1_number + 1 : 2;

	if (!key) {
		store(&g->mac1_number, 0);
		return;
	}
	wg_midstate(&g->mac1[number % 2], key, WG_KEY_LEN);
	store(&g->mac1_number, number);
}

void wg_guard_cookie_write(struct esc_guard *g, uint32_t number, const uint8_t secret[WG_KEY_LEN])
{
	wg_midstate(&g->cookie[number % 4], secret, WG_KEY_LEN);
}

void wg_guard_cookie_show(struct esc_guard *g, uint32_t number)
{
	store(&g->cookie_number, number);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what is wiped then is not looked at any more */
}

void wg_guard_cookie_wipe(struct esc_guard *g, uint32_t number)
{
	sodium_memzero(&g->cookie[number % 4], sizeof(g->cookie[0]));
}

static bool same(const uint8_t a[16], const uint8_t b[16])
{
	return !memcmp(a, b, 16);
}

bool wg_guard_enter(struct esc_guard *g, struct wg_known_peers *k, const uint8_t addr[16])
{
	uint32_t bucket = esc_known_bucket(addr);
	struct esc_known *known = g->known[bucket];
	int at = -1;

	for (int i = 0; i < (int)ESC_KNOWN_WAYS; i++) {
		if (k->peers[bucket][i] && same(known[i].addr, addr)) {
			k->peers[bucket][i]++;
			return true;
		}
		if (!k->peers[bucket][i])
			at = i;
	}
	if (at < 0)
		return false;
	k->peers[bucket][at] = 1;
	memcpy(known[at].addr, addr, 16);
	return true;
}

void wg_guard_leave(struct esc_guard *g, struct wg_known_peers *k, const uint8_t addr[16])
{
	uint32_t bucket = esc_known_bucket(addr);

	for (uint32_t i = 0; i < ESC_KNOWN_WAYS; i++) {
		struct esc_known *known = &g->known[bucket][i];

		if (k->peers[bucket][i] && same(known->addr, addr) && !--k->peers[bucket][i])
			memset(known->addr, 0, sizeof(known->addr));
	}
}

int wg_guard_find(const struct esc_guard *g, const uint8_t addr[16])
{
	static const uint8_t none[16];
	uint32_t bucket = esc_known_bucket(addr);

	if (same(addr, none))
		return -1;
	for (uint32_t i = 0; i < ESC_KNOWN_WAYS; i++) {
		if (same(g->known[bucket][i].addr, addr))
			return (int)(bucket * ESC_KNOWN_WAYS + i);
	}
	return -1;
}
