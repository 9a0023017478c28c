/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Known answers: RFC 7693 (BLAKE2s), RFC 7748 (X25519), RFC 8439 and draft-irtf-cfrg-xchacha
 * (AEADs). Answers for MAC and KDF, which the RFCs do not combine as WireGuard does, are from
 * Python's hashlib and hmac.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "noise/primitives.h"

static struct wg_blake2s *b2;

static int start(void **state)
{
	(void)state;
	b2 = wg_blake2s_new();
	return b2 && sodium_init() >= 0 ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	wg_blake2s_free(b2);
	return 0;
}

static void assert_hex(const void *bytes, const char *hex)
{
	size_t len = strlen(hex) / 2;
	char *text = malloc(2 * len + 1);

	assert_string_equal(sodium_bin2hex(text, 2 * len + 1, bytes, len), hex);
	free(text);
}

static void unhex(void *out, size_t len, const char *hex)
{
	size_t n;

	assert_int_equal(sodium_hex2bin(out, len, hex, strlen(hex), NULL, &n, NULL), 0);
	assert_int_equal(n, len);
}

static void count_up(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)i;
}

static void blake2s_of_rfc_7693(void **state)
{
	static const char abc[] =
		"508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982";
	static const char nothing[] =
		"69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9";
	uint8_t out[32];

	(void)state;
	assert_true(wg_hash(b2, out, "abc", 3, NULL, 0)); /* appendix B */
	assert_hex(out, abc);
	assert_true(wg_hash(b2, out, "a", 1, "bc", 2));
	assert_hex(out, abc);
	assert_true(wg_hash(b2, out, "", 0, "", 0));
	assert_hex(out, nothing);
	memcpy(out, "abc", 3); /* in place, as the handshake does */
	assert_true(wg_hash(b2, out, out, 3, NULL, 0));
	assert_hex(out, abc);
}

static void mac_is_blake2s_with_key_and_16_bytes(void **state)
{
	static const struct {
		size_t len;
		const char *mac;
	} known[] = {
		{0, "9536f9b267655743dee97b8a670f9f53"},
		{1, "13bacfb85b48a1223c595f8c1e7e82cb"},
		{63, "ece382a8bd5018f1de5da44b72cea75b"},
		{64, "f1efa90d2547036841ecd3627fafbc36"},
		{65, "811ff8686d23a435ecbd0bdafcd27b1b"},
		{116, "072e94ffbfc684bd8ab2a1b9dade2fd5"},
		{132, "6d19534b4c332741c8ddd79a9644de2d"},
	};
	uint8_t key[32], data[132], mac[16];

	(void)state;
	count_up(key, sizeof(key));
	count_up(data, sizeof(data));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		for (size_t cut = 0; cut <= known[i].len; cut++) {
			assert_true(wg_mac(b2, mac, key, sizeof(key), data, cut, data + cut,
					   known[i].len - cut));
			assert_hex(mac, known[i].mac);
		}
	}
	memset(data, 0, sizeof(data)); /* a cookie as key */
	assert_true(wg_mac(b2, mac, key, 16, data, sizeof(data), NULL, 0));
	assert_hex(mac, "1d5b228ba665ea63637ee6ef4bb11e3f");
}

static void kdf_is_hkdf_with_hmac_blake2s(void **state)
{
	static const char *known[] = {
		"87b7f70b24183c6db5dc4f6d9f4c47cdb203321aa2a0bef714896adb3107a040",
		"538a02e1eb2e31b7e4d4b82476d1fe2acf50085d3fb584537279195f5d1f5824",
		"9ad858025593be88de0f9442a589cfe84a88dc19e4753d93684d1c5efc4837f9",
	};
	uint8_t key[32], t[3][32];

	(void)state;
	count_up(key, sizeof(key));
	for (int n = 1; n <= 3; n++) {
		memset(t, 0xee, sizeof(t));
		assert_true(wg_kdf(b2, key, "input", 5, t[0], n > 1 ? t[1] : NULL,
				   n > 2 ? t[2] : NULL));
		for (int i = 0; i < n; i++)
			assert_hex(t[i], known[i]);
		if (n < 3)
			assert_int_equal(t[n][0], 0xee);
	}
	assert_true(wg_kdf(b2, key, "input", 5, key, t[1], NULL)); /* in place */
	assert_hex(key, known[0]);
	assert_hex(t[1], known[1]);
	count_up(key, sizeof(key));
	assert_true(wg_kdf(b2, key, NULL, 0, t[0], t[1], t[2]));
	assert_hex(t[0], "7a38c34bf2b8738d7374ca77c44ecb309a11d2b2528304fa86052c365e722624");
	assert_hex(t[2], "4eaf02809ac4b930ef63479de62275f1c55656e61f78a3cc653c18a2223d6c5f");
}

static void x25519_of_rfc_7748_section_5(void **state)
{
	uint8_t k[32], u[32], out[32];

	(void)state;
	unhex(k, 32, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
	unhex(u, 32, "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
	assert_true(wg_dh(out, k, u));
	assert_hex(out, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
	unhex(k, 32, "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d");
	unhex(u, 32, "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493");
	assert_true(wg_dh(out, k, u));
	assert_hex(out, "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");

	memset(k, 0, 32);
	k[0] = 9;
	memcpy(u, k, 32);
	for (int i = 1; i <= 1000; i++) {
		assert_true(wg_dh(out, k, u));
		memcpy(u, k, 32);
		memcpy(k, out, 32);
		if (i == 1)
			assert_hex(k, "422c8e7a6227d7bca1350b3e2bb7279f"
				      "7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

static void diffie_hellman_of_rfc_7748_section_6(void **state)
{
	uint8_t a[32], b[32], a_public[32], b_public[32], shared[32];

	(void)state;
	unhex(a, 32, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	unhex(b, 32, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
	wg_clamp(a);
	wg_clamp(b);
	assert_true(wg_dh_public(a_public, a));
	assert_true(wg_dh_public(b_public, b));
	assert_hex(a_public, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	assert_hex(b_public, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	assert_true(wg_dh(shared, a, b_public));
	assert_hex(shared, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	assert_true(wg_dh(shared, b, a_public));
	assert_hex(shared, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

/* All points whose order divides 8, and their twins modulo 2^255. */
static void points_of_low_order_give_no_secret(void **state)
{
	static const char *low[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t k[32], u[32], out[32];

	(void)state;
	count_up(k, sizeof(k));
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		unhex(u, 32, low[i]);
		assert_false(wg_dh(out, k, u));
		u[31] |= 0x80; /* X25519 does not look at this bit */
		assert_false(wg_dh(out, k, u));
	}
}

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				"only one tip for the future, sunscreen would be it.";
enum { SUNSCREEN = sizeof(sunscreen) - 1 };

static void aeads_of_libsodium_give_the_known_answers(void **state)
{
	uint8_t key[32], nonce[24], ad[12], out[SUNSCREEN + 16];
	unsigned long long len;

	(void)state;
	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)(0x80 + i);
	unhex(ad, sizeof(ad), "50515253c0c1c2c3c4c5c6c7");
	unhex(nonce, 12, "070000004041424344454647");
	crypto_aead_chacha20poly1305_ietf_encrypt(out, &len, (const uint8_t *)sunscreen, SUNSCREEN,
						  ad, sizeof(ad), NULL, nonce, key);
	assert_int_equal(len, sizeof(out));
	assert_hex(out, /* RFC 8439, 2.8.2 */
		   "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
		   "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
		   "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
		   "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
	for (int i = 0; i < 24; i++)
		nonce[i] = (uint8_t)(0x40 + i);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, &len, (const uint8_t *)sunscreen, SUNSCREEN,
						   ad, sizeof(ad), NULL, nonce, key);
	assert_hex(out, /* draft-irtf-cfrg-xchacha, A.3.1 */
		   "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
		   "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
		   "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
		   "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49");
}

static void every_flipped_bit_is_refused(void **state)
{
	uint8_t key[32], ad[32], sealed[SUNSCREEN + 16], plain[SUNSCREEN];
	const uint8_t *text = (const uint8_t *)sunscreen;

	(void)state;
	count_up(key, sizeof(key));
	count_up(ad, sizeof(ad));
	wg_seal(sealed, text, SUNSCREEN, ad, key);
	assert_true(wg_open(plain, sealed, sizeof(sealed), ad, key));
	assert_memory_equal(plain, sunscreen, SUNSCREEN);
	for (unsigned int bit = 0; bit < sizeof(sealed) * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(wg_open(plain, sealed, sizeof(sealed), ad, key));
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (unsigned int bit = 0; bit < sizeof(ad) * 8; bit++) {
		ad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(wg_open(plain, sealed, sizeof(sealed), ad, key));
		ad[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < sizeof(sealed); len++)
		assert_false(wg_open(plain, sealed, len, ad, key));
}

static void cookie_opens_only_with_its_mac1_nonce_and_key(void **state)
{
	uint8_t key[32], mac1[16], nonce[24], cookie[16], sealed[32], out[16];

	(void)state;
	count_up(key, sizeof(key));
	count_up(mac1, sizeof(mac1));
	count_up(nonce, sizeof(nonce));
	memset(cookie, 7, sizeof(cookie));
	wg_cookie_seal(sealed, cookie, mac1, nonce, key);
	assert_true(wg_cookie_open(out, sealed, mac1, nonce, key));
	assert_memory_equal(out, cookie, sizeof(cookie));
	mac1[15] ^= 1;
	assert_false(wg_cookie_open(out, sealed, mac1, nonce, key));
	mac1[15] ^= 1;
	nonce[23] ^= 1;
	assert_false(wg_cookie_open(out, sealed, mac1, nonce, key));
	nonce[23] ^= 1;
	key[0] ^= 1;
	assert_false(wg_cookie_open(out, sealed, mac1, nonce, key));
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(blake2s_of_rfc_7693),
		T(mac_is_blake2s_with_key_and_16_bytes),
		T(kdf_is_hkdf_with_hmac_blake2s),
		T(x25519_of_rfc_7748_section_5),
		T(diffie_hellman_of_rfc_7748_section_6),
		T(points_of_low_order_give_no_secret),
		T(aeads_of_libsodium_give_the_known_answers),
		T(every_flipped_bit_is_refused),
		T(cookie_opens_only_with_its_mac1_nonce_and_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
