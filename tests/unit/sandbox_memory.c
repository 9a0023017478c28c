/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a locked-in crypto process: what it set aside at its start is enough for a full node,
 * and when there is none left, every call says so: nothing ends the process. Needs root.
 */
#include <sodium.h>

#include "locked_in.h"
#include "noise/core.h"

static struct wg_device *dev;
static uint8_t a_key[64]; /* of a provider that has a pool of its own */

static void random_bytes(void *arg, void *buf, size_t len)
{
	(void)arg;
	randombytes_buf(buf, len);
}

static uint64_t unix_ns(void *arg)
{
	(void)arg;
	return 1700000000ull * WG_SECOND;
}

static void *key_new(void *arg, const uint8_t key[32])
{
	(void)arg;
	(void)key;
	return a_key;
}

static void key_free(void *arg, void *key)
{
	(void)arg;
	(void)key;
}

static void make_device(void)
{
	static struct esc_guard guard;
	const struct wg_env env = {
		.random = random_bytes,
		.unix_ns = unix_ns,
		.key_new = key_new,
		.key_free = key_free,
		.guard = &guard,
	};
	uint8_t key[WG_KEY_LEN] = {8, [31] = 64};

	must(sodium_init() >= 0);
	dev = wg_device_new(&env);
	must(dev && !wg_device_set_key(dev, key, 0));
}

static int add_peer(uint32_t id)
{
	uint8_t private_key[WG_KEY_LEN], public_key[WG_KEY_LEN];
	struct wg_peer *peer;

	random_bytes(NULL, private_key, sizeof(private_key));
	must(wg_dh_public(public_key, private_key));
	return wg_peer_add(dev, id, public_key, WG_SECOND, &peer);
}

static bool begin_session(struct wg_peer *peer)
{
	static const uint8_t key[WG_KEY_LEN];
	const struct wg_session session = {.tx_key = key, .rx_key = key};

	return wg_session_begin(peer, WG_SECOND, &session);
}

/* Three sessions each, and each of them replaced. */
static int fill_the_node(void)
{
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		if (add_peer(id))
			return ENOMEM;
	}
	for (int round = 0; round < 6; round++) {
		for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
			struct wg_peer *peer = wg_peer_by_id(dev, id);
			if (!begin_session(peer))
				return ENOMEM;
			peer->current = peer->current ? peer->current : peer->next;
			wg_retired_free(dev);
		}
	}
	return WORKED;
}

static void a_full_node_has_the_heap_it_needs(void **state)
{
	char why[ESC_SANDBOX_WHY];

	(void)state;
	skip_unless(root, "root");
	heap_size = wg_heap_need(1);
	assert_int_equal(locked_in(0, make_device, fill_the_node, why), WORKED);
}

static void use_up_the_heap(void)
{
	static void *volatile last;

	for (size_t size = 1 << 20; size >= 16; size /= 2) {
		do {
			last = malloc(size);
		} while (last);
	}
}

static int go_on_without_memory(void)
{
	struct wg_msg_initiation initiation;
	uint8_t hash[WG_KEY_LEN];

	must(!add_peer(0) && begin_session(wg_peer_by_id(dev, 0)));
	use_up_the_heap();
	must(errno == ENOMEM);
	must(add_peer(1) == -ENOMEM && !wg_peer_by_id(dev, 1));
	must(!begin_session(wg_peer_by_id(dev, 0)));
	/* whether they work or not; both have their memory since the start */
	wg_hash(dev->blake2s, hash, "a", 1, "b", 1);
	wg_initiation_create(wg_peer_by_id(dev, 0), &initiation);
	wg_peer_remove(wg_peer_by_id(dev, 0)); /* gives some back */
	must(!add_peer(1));
	wg_device_free(dev);
	return WORKED;
}

static void without_memory_calls_fail_and_the_process_lives(void **state)
{
	char why[ESC_SANDBOX_WHY];

	(void)state;
	skip_unless(root && built(ESC_LAYER_memory), "root, and a build without sanitizer");
	heap_size = 1 << 16;
	assert_int_equal(locked_in(0, make_device, go_on_without_memory, why), WORKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_node_has_the_heap_it_needs),
		cmocka_unit_test(without_memory_calls_fail_and_the_process_lives),
	};

	return cmocka_run_group_tests(tests, locked_in_set_up, NULL);
}
