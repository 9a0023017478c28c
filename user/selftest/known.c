/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * known.c: known answers. Where WireGuard or the key store calls a primitive in a way that its RFC
 * has no example of (16-byte MACs, nonce 0 with 32 bytes of additional data), the answer is from a
 * second implementation that shares no code with ours: Python's hashlib and hmac, the RFC's
 * arithmetic on integers, the reference implementation of Argon2 (Debian's package argon2).
 */
#include <sodium.h>
#include <string.h>

#include "selftest/steps.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t zero[32];

/* 0, 1, 2, ... */
static const uint8_t *numbers(void)
{
	static uint8_t n[256];

	for (size_t i = 0; i < sizeof(n); i++)
		n[i] = (uint8_t)i;
	return n;
}

static void unhex(uint8_t out[32], const char *hex)
{
	sodium_hex2bin(out, 32, hex, 64, NULL, NULL, NULL);
}

/* --- hashes ---------------------------------------------------------------------------------- */

static bool sha256(struct wg_blake2s *b2, uint8_t *out)
{
	static const uint8_t text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	(void)b2;
	return !crypto_hash_sha256(out, text, sizeof(text) - 1);
}

static bool siphash(struct wg_blake2s *b2, uint8_t *out)
{
	(void)b2;
	return !crypto_shorthash(out, numbers(), 15, numbers());
}

static bool hash(struct wg_blake2s *b2, uint8_t *out)
{
	return wg_hash(b2, out, "a", 1, "bc", 2);
}

/* mac1 of an initiation */
static bool mac(struct wg_blake2s *b2, uint8_t *out)
{
	return wg_mac(b2, out, numbers(), WG_KEY_LEN, numbers(), 116, NULL, 0);
}

/* mac2 of one: the key is a cookie */
static bool mac_of_cookie(struct wg_blake2s *b2, uint8_t *out)
{
	return wg_mac(b2, out, numbers(), WG_COOKIE_LEN, numbers(), 132, NULL, 0);
}

static bool kdf(struct wg_blake2s *b2, uint8_t *out)
{
	return wg_kdf(b2, numbers(), "input", 5, out, out + 32, out + 64);
}

/* --- X25519 ---------------------------------------------------------------------------------- */

static bool dh(struct wg_blake2s *b2, uint8_t *out)
{
	uint8_t scalar[32], point[32];

	(void)b2;
	unhex(scalar, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
	unhex(point, "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
	return wg_dh(out, scalar, point);
}

static bool dh_public(struct wg_blake2s *b2, uint8_t *out)
{
	uint8_t alice[32];

	(void)b2;
	unhex(alice, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	wg_clamp(alice);
	return wg_dh_public(out, alice);
}

static bool dh_refuses(struct wg_blake2s *b2, uint8_t *out)
{
	uint8_t secret[32];

	(void)b2;
	*out = !wg_dh(secret, numbers(), zero);
	return true;
}

/* --- AEADs ----------------------------------------------------------------------------------- */

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				"only one tip for the future, sunscreen would be it.";
static const uint8_t sunscreen_ad[] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
				       0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
_Static_assert(sizeof(sunscreen) - 1 + WG_TAG_LEN <= ESC_ANSWER_MAX, "the answer fits");

static bool chacha(struct wg_blake2s *b2, uint8_t *out)
{
	static const uint8_t nonce[] = {7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};

	(void)b2;
	return !crypto_aead_chacha20poly1305_ietf_encrypt(
		out, NULL, (const uint8_t *)sunscreen, sizeof(sunscreen) - 1, sunscreen_ad,
		sizeof(sunscreen_ad), NULL, nonce, numbers() + 0x80);
}

static bool xchacha(struct wg_blake2s *b2, uint8_t *out)
{
	(void)b2;
	return !crypto_aead_xchacha20poly1305_ietf_encrypt(
		out, NULL, (const uint8_t *)sunscreen, sizeof(sunscreen) - 1, sunscreen_ad,
		sizeof(sunscreen_ad), NULL, numbers() + 0x40, numbers() + 0x80);
}

/* A static key of an initiation; then it must open, and not with a bit of its tag changed. */
static bool seal(struct wg_blake2s *b2, uint8_t *out)
{
	const uint8_t *n = numbers();
	uint8_t sealed[32 + WG_TAG_LEN], plain[32];
	bool ok;

	(void)b2;
	wg_seal(out, n, 32, n + 32, n);
	memcpy(sealed, out, sizeof(sealed));
	ok = wg_open(plain, sealed, sizeof(sealed), n + 32, n) && !memcmp(plain, n, 32);
	sealed[sizeof(sealed) - 1] ^= 0x80;
	return ok && !wg_open(plain, sealed, sizeof(sealed), n + 32, n);
}

static bool cookie(struct wg_blake2s *b2, uint8_t *out)
{
	const uint8_t *n = numbers();
	uint8_t sealed[WG_COOKIE_LEN + WG_TAG_LEN], plain[WG_COOKIE_LEN];
	bool ok;

	(void)b2;
	wg_cookie_seal(out, n, n + 16, n + 0x40, n);
	memcpy(sealed, out, sizeof(sealed));
	ok = wg_cookie_open(plain, sealed, n + 16, n + 0x40, n) && !memcmp(plain, n, sizeof(plain));
	sealed[sizeof(sealed) - 1] ^= 0x80;
	return ok && !wg_cookie_open(plain, sealed, n + 16, n + 0x40, n);
}

/* --- passphrases ----------------------------------------------------------------------------- */

/* 64 KiB, 2 passes, salt "somesaltsomesalt": a key store asks for far more of the same. */
static bool argon2id(struct wg_blake2s *b2, uint8_t *out)
{
	(void)b2;
	return !crypto_pwhash(out, 32, "password", 8, (const uint8_t *)"somesaltsomesalt", 2, 65536,
			      crypto_pwhash_ALG_ARGON2ID13);
}

const struct esc_known esc_known[] = {
	{"SHA-256", "FIPS 180-4, NIST's two-block example",
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", sha256, true},
	{"X25519 public key", "RFC 7748, 6.1",
	 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", dh_public, true},
	{"X25519", "RFC 7748, 5.2",
	 "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552", dh, false},
	{"X25519 refuses a point of low order", "RFC 7748, 6.1", "01", dh_refuses, false},
	{"BLAKE2s", "RFC 7693, appendix B",
	 "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982", hash, false},
	{"BLAKE2s MAC", "hashlib", "072e94ffbfc684bd8ab2a1b9dade2fd5", mac, false},
	{"BLAKE2s MAC, key of 16 bytes", "hashlib", "b03d1196bdcfaad40f911db86b79ac7e",
	 mac_of_cookie, false},
	{"HKDF with HMAC-BLAKE2s", "RFC 5869 on hashlib and hmac",
	 "87b7f70b24183c6db5dc4f6d9f4c47cdb203321aa2a0bef714896adb3107a040"
	 "538a02e1eb2e31b7e4d4b82476d1fe2acf50085d3fb584537279195f5d1f5824"
	 "9ad858025593be88de0f9442a589cfe84a88dc19e4753d93684d1c5efc4837f9",
	 kdf, false},
	{"ChaCha20-Poly1305", "RFC 8439, 2.8.2",
	 "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	 "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	 "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	 "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
	 chacha, false},
	{"ChaCha20-Poly1305 of handshakes", "RFC 8439 on integers",
	 "18b94032a9e3a0d61b68566aa34e4028e8a0e1e6f5b84d4bf4e1e60936286b43"
	 "c64851c70870eb1ece92caaecd03ee90",
	 seal, false},
	{"XChaCha20-Poly1305", "draft-irtf-cfrg-xchacha-03, A.3.1",
	 "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
	 "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
	 "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
	 "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
	 xchacha, false},
	{"XChaCha20-Poly1305 of cookies", "draft-irtf-cfrg-xchacha-03 on integers",
	 "d4380773d4e57f1187fd8db5a3916b9d85c52e5f2c819b12ba0b080321240ae6", cookie, false},
	{"Argon2id", "reference implementation (RFC 9106)",
	 "1a98fba8e6394425c9bdc333a9c750aaf811df070f5fb4a5788e1cf4db5793a1", argon2id, false},
	{"SipHash-2-4", "the SipHash paper, appendix A", "e545be4961ca29a1", siphash, false},
};
const size_t esc_known_count = COUNT(esc_known);

static const char *try(const struct esc_known *k, struct wg_blake2s *b2)
{
	uint8_t got[ESC_ANSWER_MAX] = {0}, want[ESC_ANSWER_MAX];
	size_t len;

	if (sodium_hex2bin(want, sizeof(want), k->answer, strlen(k->answer), NULL, &len, NULL))
		return "the expected answer is damaged";
	if (!k->compute(b2, got))
		return "it does not work";
	return len && !memcmp(got, want, len) ? NULL : "wrong answer";
}

bool esc_selftest_known(const struct esc_known *table, size_t n, esc_selftest_report *report,
			void *arg)
{
	struct wg_blake2s *b2 = wg_blake2s_new();
	bool ok = true, more = true;

	if (!b2) {
		report(arg, "BLAKE2s", "libcrypto", "it does not start");
		return false;
	}
	for (size_t i = 0; i < n && more; i++) {
		const char *why = try(&table[i], b2);

		more = report(arg, table[i].test, table[i].source, why);
		ok = ok && !why;
	}
	wg_blake2s_free(b2);
	return ok;
}
