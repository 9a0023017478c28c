/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a crypto process does for its whole life, locked in: handshakes, cookies, rekeying, the
 * packets of every provider, the end. None of it may need a system call that the filter lacks.
 */
#include "locked_in.h"
#include "noise_lab.h"
#include "select.h"

static struct lab lab;
static struct esc_aead aead;
static const char *provider;

static void start_lab(void)
{
	lab_start(&lab);
	lab.a.under_load = lab.b.under_load = true; /* with cookies */
}

/* Every assertion that fails in here makes a forbidden call. */
static int live(void)
{
	static const uint8_t garbage[WG_INITIATION_LEN] = {WG_INITIATION};
	uint8_t seed[64], key[WG_KEY_LEN];
	struct wg_out out;

	for (int i = 0; i < 40; i++) { /* 400 s: sessions are renewed, and expire */
		send_data(&lab.a, false);
		lab_run(&lab, 10 * WG_SECOND);
		wg_receive(lab.a.dev, lab.now, &lab.b.at, garbage, sizeof(garbage), i & 1, &out);
	}
	must(lab.b.received >= 39 && lab.a.sent[WG_COOKIE] + lab.b.sent[WG_COOKIE] > 0);
	must(lab.a.sent[WG_INITIATION] + lab.b.sent[WG_INITIATION] >= 4);
	randombytes_buf(seed, sizeof(seed));
	memcpy(key, seed, sizeof(key));
	must(!wg_device_set_key(lab.a.dev, key, lab.now));
	lab_stop(&lab);
	return WORKED;
}

static void the_protocol_needs_no_other_call(void **state)
{
	char why[ESC_SANDBOX_WHY];

	(void)state;
	assert_int_equal(locked_in(0, start_lab, live, why), WORKED);
}

static void start_provider(void)
{
	char why[256];

	must(!esc_aead_select(&aead, provider, why));
}

static void prepare_jobs(struct esc_aead_job *job, unsigned int n, const struct esc_aead_key *key)
{
	static uint8_t plain[ESC_AEAD_BATCH_MAX][1500], sealed[ESC_AEAD_BATCH_MAX][1516];

	for (unsigned int i = 0; i < n; i++)
		job[i] = (struct esc_aead_job){
			.key = key, .counter = i, .in = plain[i], .out = sealed[i], .len = i * 23};
}

static int seal_and_open(void)
{
	static uint8_t opened[ESC_AEAD_BATCH_MAX][1500];
	static const uint8_t bytes[ESC_AEAD_KEY_LEN] = {1};
	const struct esc_aead_provider *p = aead.provider;
	struct esc_aead_job job[ESC_AEAD_BATCH_MAX];
	struct esc_aead_key *key = p->key_new(aead.ctx, bytes);

	must(key);
	prepare_jobs(job, ESC_AEAD_BATCH_MAX, key);
	p->seal(aead.ctx, job, ESC_AEAD_BATCH_MAX);
	for (unsigned int i = 0; i < ESC_AEAD_BATCH_MAX; i++) {
		must(job[i].ok);
		job[i].in = job[i].out;
		job[i].out = opened[i];
		job[i].counter += i == 7; /* a forgery */
	}
	p->open(aead.ctx, job, ESC_AEAD_BATCH_MAX);
	for (unsigned int i = 0; i < ESC_AEAD_BATCH_MAX; i++)
		must(job[i].ok == (i != 7));
	p->key_free(aead.ctx, key);
	esc_aead_release(&aead);
	return WORKED;
}

static void no_provider_needs_another_call(void **state)
{
	static const char *const names[] = {"auto", "sodium", "openssl", "ipsec-mb"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char why[ESC_SANDBOX_WHY];

		if (!strstr(esc_aead_names(), names[i]) && strcmp(names[i], "auto") != 0)
			continue;
		provider = names[i];
		print_message("%s\n", provider);
		assert_int_equal(locked_in(0, start_provider, seal_and_open, why), WORKED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_protocol_needs_no_other_call),
		cmocka_unit_test(no_provider_needs_another_call),
	};

	return cmocka_run_group_tests(tests, locked_in_set_up, NULL);
}
