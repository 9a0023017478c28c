/* SPDX-License-Identifier: BSD-2-Clause */
/* What the core tells the black program (maps/guard.h), and when (R3). */
#include "noise_lab.h"

#include "noise/midstate.h"

static struct lab lab;

static int start(void **state)
{
	(void)state;
	lab_start(&lab);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	lab_stop(&lab);
	return 0;
}

/* --- sessions ------------------------------------------------------------------------------ */

/* The table is what the core finds, no more and no less. */
static uint32_t sessions(const struct side *s)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < ESC_SESSION_SLOTS; slot++) {
		const struct wg_index *i = s->dev->index[slot];

		assert_int_equal(s->guard.session[slot], i ? i->value : 0);
		assert_true(!i || i->value % ESC_SESSION_SLOTS == slot);
		n += i != NULL;
	}
	return n;
}

static bool published(const struct side *s, uint32_t index)
{
	return index && s->guard.session[index % ESC_SESSION_SLOTS] == index;
}

/* Whatever goes onto the wire names an index that the sender's black program lets in by then. */
static bool sender_is_published(struct lab *l, struct packet *p)
{
	struct side *from = p->to->other;
	uint32_t index;

	sessions(&l->a);
	sessions(&l->b);
	if (p->len && (p->bytes[0] == WG_INITIATION || p->bytes[0] == WG_RESPONSE)) {
		memcpy(&index, p->bytes + 4, sizeof(index));
		assert_true(published(from, index));
	}
	return false;
}

static void index_is_published_before_it_leaves(void **state)
{
	(void)state;
	lab.lose = sender_is_published;
	for (int i = 0; i < 20; i++) {
		send_data(i % 3 ? &lab.a : &lab.b, false);
		lab_run(&lab, 50 * WG_SECOND);
	}
	assert_true(lab.a.sent[WG_INITIATION] + lab.b.sent[WG_INITIATION] > 5);
	assert_true(lab.a.received && lab.b.received);
	lab_run(&lab, 3 * WG_REJECT_AFTER_TIME);
	assert_int_equal(sessions(&lab.a), 0);
	assert_int_equal(sessions(&lab.b), 0);
}

static void index_goes_with_its_session(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	uint32_t a = lab.a.peer->current->index.value, b = lab.b.peer->current->index.value;
	assert_true(published(&lab.a, a));
	assert_true(published(&lab.b, b));
	assert_int_equal(sessions(&lab.a), 1);
	assert_int_equal(sessions(&lab.b), 1);
	wg_peer_remove(lab.a.peer);
	assert_false(published(&lab.a, a));
	assert_int_equal(sessions(&lab.a), 0);
	assert_int_equal(wg_device_set_key(lab.b.dev, lab.b.seed, lab.now), 0);
	assert_false(published(&lab.b, b));
	assert_int_equal(sessions(&lab.b), 0);
}

/* One peer, with a valid key and no manners, that begins as many sessions as it can. */
static void peer_cannot_have_more_slots_than_its_own(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		lab.now += WG_INITIATION_INTERVAL;
		lab.a.peer->initiate_from = 0;
		take_initiation(&lab.a, &p);
		lab.a.peer->deadline[WG_TIMER_RETRANSMIT] = WG_NEVER;
		assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
		assert_true(sessions(&lab.b) <= WG_INDICES_PER_PEER);
		assert_true(sessions(&lab.a) <= WG_INDICES_PER_PEER);
		if (i % 3)
			continue;
		/* complete it now and then, so that all of the slots come into use */
		struct packet r = {.to = &lab.a, .from = lab.b.at, .len = out.len};
		memcpy(r.bytes, out.bytes, out.len);
		assert_int_equal(give(&r, &out).verdict, WG_HS_ACCEPTED);
		send_data(&lab.a, false);
		lab_run(&lab, WG_SECOND);
	}
	assert_true(lab.b.received > 100);
}

/* All peers with all they may have, and one more while a session is replaced: still half free. */
static void full_device_still_finds_slots(void **state)
{
	enum { ALL = WG_INDICES_PER_PEER * ESC_PEERS_MAX };
	static struct wg_index index[ALL], more;
	struct wg_device *dev = lab.a.dev;

	(void)state;
	for (int i = 0; i < ALL; i++)
		assert_true(wg_index_add(dev, &index[i], lab.a.peer, false));
	assert_int_equal(sessions(&lab.a), ALL);
	for (int i = 0; i < 20000; i++) {
		struct wg_index *old = &index[i % ALL];

		assert_true(wg_index_add(dev, &more, lab.a.peer, false));
		assert_ptr_equal(wg_index_find(dev, more.value), &more);
		assert_null(wg_index_find(dev, more.value ^ ESC_SESSION_SLOTS));
		wg_index_remove(dev, old);
		wg_index_pass(dev, &more, old);
		assert_ptr_equal(wg_index_find(dev, old->value), old);
	}
	assert_int_equal(sessions(&lab.a), ALL);
	for (int i = 0; i < ALL; i++)
		wg_index_remove(dev, &index[i]);
	assert_int_equal(sessions(&lab.a), 0);
}

static uint32_t draw[8];
static int drawn;

static void scripted(void *arg, void *buf, size_t len)
{
	(void)arg;
	assert_int_equal(len, sizeof(draw[0]));
	assert_true(drawn < 8);
	memcpy(buf, &draw[drawn++], len);
}

/* Slot and all other bits are what randomness gave; 0 and what is taken are given back. */
static void index_is_random_in_all_bits(void **state)
{
	struct wg_index one, two;
	struct wg_device *dev = lab.a.dev;
	void (*random)(void *arg, void *buf, size_t len) = dev->env.random;

	(void)state;
	dev->env.random = scripted;
	memcpy(draw, (uint32_t[]){0, 0xdeadbeef, 0xdeadbeef, 0x12345eef, 0x80002000}, 20);
	assert_int_equal(0xdeadbeef % ESC_SESSION_SLOTS, 0x12345eef % ESC_SESSION_SLOTS);
	assert_true(wg_index_add(dev, &one, lab.a.peer, false));
	assert_int_equal(one.value, 0xdeadbeef);
	assert_true(wg_index_add(dev, &two, lab.a.peer, false));
	assert_int_equal(two.value, 0x80002000);
	assert_int_equal(drawn, 5);
	assert_int_equal(lab.a.guard.session[0], 0x80002000);
	wg_index_remove(dev, &one);
	wg_index_remove(dev, &two);
	dev->env.random = random;
}

/* --- MACs ---------------------------------------------------------------------------------- */

static bool is_state_of(const struct esc_blake2s_state *s, const uint8_t key[WG_KEY_LEN])
{
	struct esc_blake2s_state want;

	wg_midstate(&want, key, WG_KEY_LEN);
	return !memcmp(s, &want, sizeof(want));
}

static void mac1_follows_the_key(void **state)
{
	static const uint8_t none[WG_KEY_LEN];
	const struct esc_guard *g = &lab.a.guard;
	struct esc_blake2s_state before;

	(void)state;
	assert_int_equal(g->abi_version, ESC_ABI_VERSION);
	assert_int_equal(g->mac1_number, 1);
	assert_true(is_state_of(&g->mac1[1], lab.a.dev->checker.keys.mac1));
	before = g->mac1[1];
	assert_int_equal(wg_device_set_key(lab.a.dev, lab.a.seed, lab.now), 0);
	assert_int_equal(g->mac1_number, 2);
	assert_true(is_state_of(&g->mac1[0], lab.a.dev->checker.keys.mac1));
	assert_memory_equal(&before, &g->mac1[1], sizeof(before)); /* somebody may be reading it */
	assert_int_equal(wg_device_set_key(lab.a.dev, none, lab.now), 0);
	assert_int_equal(g->mac1_number, 0);
	assert_int_equal(wg_device_set_key(lab.a.dev, lab.a.private_key, lab.now), 0);
	assert_int_equal(g->mac1_number, 1);
	assert_true(is_state_of(&g->mac1[1], lab.a.dev->checker.keys.mac1));
}

static struct esc_guard seen;
static void (*real_random)(void *arg, void *buf, size_t len);

/* A new secret is about to be made: what is shown is complete, and stays until the next is. */
static void look(void *arg, void *buf, size_t len)
{
	struct side *s = (struct side *)arg;

	if (len == WG_KEY_LEN)
		seen = s->guard;
	real_random(arg, buf, len);
}

static void ask_for_cookie(void)
{
	struct packet p;
	struct wg_out out;

	take_initiation(&lab.a, &p);
	memset(p.bytes + p.len - WG_MAC_LEN, 0, WG_MAC_LEN);
	lab.b.under_load = true;
	assert_int_equal(give(&p, &out).verdict, WG_HS_COOKIE_SENT);
}

static void cookie_secrets_are_shown_once_complete(void **state)
{
	const struct esc_guard *g = &lab.b.guard;
	struct wg_cookie_checker *c = &lab.b.dev->checker;

	(void)state;
	real_random = lab.b.dev->env.random;
	lab.b.dev->env.random = look;
	for (uint32_t i = 0; i < 9; i++) {
		ask_for_cookie();
		uint32_t n = g->cookie_number;

		assert_int_equal(n, i + 2);
		assert_true(is_state_of(&g->cookie[n % 4], c->secret[n % 2]));
		assert_true(is_state_of(&g->cookie[(n - 1) % 4], c->secret[(n - 1) % 2]));
		assert_true(sodium_is_zero((const uint8_t *)&g->cookie[(n + 1) % 4], 32));
		assert_true(sodium_is_zero((const uint8_t *)&g->cookie[(n + 2) % 4], 32));
		if (i) { /* while the newest one was made, both before it were there */
			assert_int_equal(seen.cookie_number, n - 1);
			assert_memory_equal(&seen.cookie[(n - 1) % 4], &g->cookie[(n - 1) % 4], 32);
			assert_false(sodium_is_zero((uint8_t *)&seen.cookie[(n - 2) % 4], 32));
		}
		lab.now += WG_COOKIE_SECRET_TIME;
	}
	lab.b.dev->env.random = real_random;
}

static void nothing_is_left_behind(void **state)
{
	static struct esc_guard dirty;
	struct wg_env env = lab_env(&lab.a);
	struct wg_device *dev;

	(void)state;
	memset(&dirty, 0xa5, sizeof(dirty));
	env.guard = &dirty;
	dev = wg_device_new(&env);
	assert_non_null(dev);
	assert_int_equal(dirty.abi_version, ESC_ABI_VERSION);
	assert_true(sodium_is_zero((uint8_t *)&dirty + 4, sizeof(dirty) - 4));
	memset(&dirty, 0xa5, sizeof(dirty));
	wg_device_free(dev);
	assert_true(sodium_is_zero((uint8_t *)&dirty, sizeof(dirty)));
}

/* --- known addresses ----------------------------------------------------------------------- */

static bool known(const struct wg_device *dev, const uint8_t addr[16])
{
	int at = wg_known(dev, addr);

	assert_true(at < (int)(ESC_KNOWN_BUCKETS * ESC_KNOWN_WAYS));
	return at >= 0;
}

static uint32_t entries(const struct side *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ESC_KNOWN_BUCKETS * ESC_KNOWN_WAYS; i++)
		n += !sodium_is_zero(s->guard.known[i / ESC_KNOWN_WAYS][i % ESC_KNOWN_WAYS].addr,
				     16);
	return n;
}

static void address_of_a_peer_is_known_while_it_is_there(void **state)
{
	struct wg_endpoint was = lab.b.at;

	(void)state;
	assert_true(known(lab.a.dev, lab.b.at.addr)); /* configured */
	assert_int_equal(entries(&lab.a), 1);
	lab_connect(&lab, &lab.a);
	lab.b.at.addr[14] = 77;
	lab.b.at.port++;
	send_data(&lab.b, false);
	lab_run(&lab, WG_SECOND);
	assert_true(known(lab.a.dev, lab.b.at.addr)); /* an authentic packet came from there */
	assert_false(known(lab.a.dev, was.addr));
	assert_int_equal(entries(&lab.a), 1);
	lab.b.at.port++; /* another port is no other address */
	send_data(&lab.b, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(entries(&lab.a), 1);
	wg_peer_remove(lab.a.peer);
	assert_false(known(lab.a.dev, lab.b.at.addr));
	assert_int_equal(entries(&lab.a), 0);
}

static void forged_packets_make_no_address_known(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	take_initiation(&lab.a, &p);
	p.from.addr[13] = 9;
	p.bytes[100] ^= 1;
	assert_int_equal(give(&p, &out).verdict, WG_HS_DROP);
	assert_false(known(lab.b.dev, p.from.addr));
	assert_int_equal(entries(&lab.b), 1);
	assert_false(known(lab.b.dev, (const uint8_t[16]){0}));
}

static struct wg_peer *another(uint32_t id, const struct wg_endpoint *at)
{
	uint8_t key[WG_KEY_LEN] = {(uint8_t)id, (uint8_t)(id >> 8), 5};
	struct wg_peer *p;

	assert_int_equal(wg_peer_add(lab.a.dev, id, key, lab.now, &p), 0);
	wg_peer_set_endpoint(p, at);
	return p;
}

static void peers_behind_one_address_share_its_entry(void **state)
{
	struct wg_endpoint at = lab.b.at;

	(void)state;
	at.port = 9;
	struct wg_peer *p = another(20, &at);
	assert_int_equal(entries(&lab.a), 1);
	wg_peer_remove(lab.a.peer);
	assert_true(known(lab.a.dev, at.addr));
	at.port = 0; /* the endpoint is gone */
	wg_peer_set_endpoint(p, &at);
	assert_int_equal(entries(&lab.a), 0);
}

/* One bucket, more peers than it has room for: who is in stays in, who is not leaves nothing. */
static void full_bucket_keeps_who_is_there(void **state)
{
	struct wg_peer *p[ESC_KNOWN_WAYS + 2];
	struct wg_endpoint at[ESC_KNOWN_WAYS + 2] = {0};
	uint32_t n = 0;

	(void)state;
	wg_peer_remove(lab.a.peer);
	for (uint32_t i = 0; n < ESC_KNOWN_WAYS + 2; i++) {
		struct wg_endpoint ep = {.port = 1, .addr = {[10] = 0xff, 0xff, 10}};
		ep.addr[13] = (uint8_t)(i >> 16);
		ep.addr[14] = (uint8_t)(i >> 8);
		ep.addr[15] = (uint8_t)i;
		if (esc_known_bucket(ep.addr) != 5)
			continue;
		p[n] = another(100 + n, &ep);
		at[n++] = ep;
	}
	assert_int_equal(entries(&lab.a), ESC_KNOWN_WAYS);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(known(lab.a.dev, at[i].addr), i < ESC_KNOWN_WAYS);
	wg_peer_remove(p[n - 1]); /* had none */
	assert_int_equal(entries(&lab.a), ESC_KNOWN_WAYS);
	wg_peer_remove(p[0]);
	wg_peer_set_endpoint(p[n - 2], &at[n - 1]); /* moves, and finds room now */
	assert_true(known(lab.a.dev, at[n - 1].addr));
	assert_int_equal(entries(&lab.a), ESC_KNOWN_WAYS);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(index_is_published_before_it_leaves),
		T(index_goes_with_its_session),
		T(peer_cannot_have_more_slots_than_its_own),
		T(full_device_still_finds_slots),
		T(index_is_random_in_all_bits),
		T(mac1_follows_the_key),
		T(cookie_secrets_are_shown_once_complete),
		T(nothing_is_left_behind),
		T(address_of_a_peer_is_known_while_it_is_there),
		T(forged_packets_make_no_address_known),
		T(peers_behind_one_address_share_its_entry),
		T(full_bucket_keeps_who_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
