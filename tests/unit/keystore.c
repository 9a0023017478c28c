/* SPDX-License-Identifier: BSD-2-Clause */
/* The key store: its form, its slots, its secrets. Argon2id at its lowest cost, except where named.
 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "keystore/keystore.h"
#include "keystore/recovery.h"

#define PASS "correct horse"
#define CRED "0123456789abcdef0123456789abcdef"

static const struct esc_kdf_cost cheap = {ESC_KDF_OPS_MIN, ESC_KDF_MEM_MIN};

static char dir[] = "/tmp/esc-keystore-XXXXXX";
static char path[64];
static char why[ESC_KEYSTORE_WHY];
static uint8_t key[32];
static struct esc_recovery code;

static void add(struct esc_keystore *ks, enum esc_slot_type type, const char *secret, size_t len,
		uint32_t expect)
{
	uint32_t slot = 99;

	assert_int_equal(esc_keystore_add(ks, type, "a label", secret, len, &cheap, &slot, why), 0);
	assert_int_equal(slot, expect);
}

/* A store with a passphrase, a recovery code and a credential, on disk. */
static void make(void)
{
	struct esc_keystore ks;

	unlink(path);
	esc_recovery_new(&code);
	randombytes_buf(key, sizeof(key));
	assert_int_equal(esc_keystore_new(&ks, key, why), 0);
	add(&ks, ESC_SLOT_PASSPHRASE, PASS, strlen(PASS), 0);
	add(&ks, ESC_SLOT_RECOVERY, code.digits, sizeof(code.digits), 1);
	add(&ks, ESC_SLOT_CREDENTIAL, CRED, strlen(CRED), 2);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	esc_keystore_close(&ks);
}

static int open_with(struct esc_keystore *ks, enum esc_slot_type type, const char *secret,
		     uint32_t *slot)
{
	int err = esc_keystore_read(ks, path, why);

	return err ? err : esc_keystore_unlock(ks, type, secret, strlen(secret), slot, why);
}

static bool opens(enum esc_slot_type type, const char *secret)
{
	struct esc_keystore ks;
	bool ok = !open_with(&ks, type, secret, NULL);

	assert_true(!ok || !sodium_memcmp(esc_keystore_private_key(&ks), key, 32));
	assert_true(ok || !esc_keystore_private_key(&ks));
	esc_keystore_close(&ks);
	return ok;
}

static void load(uint8_t bytes[ESC_KEYSTORE_SIZE])
{
	int fd = open(path, O_RDONLY);

	assert_int_equal(read(fd, bytes, ESC_KEYSTORE_SIZE), ESC_KEYSTORE_SIZE);
	close(fd);
}

static void store(const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void every_secret_opens_it_and_no_other_does(void **state)
{
	struct esc_keystore ks;
	uint32_t slot;
	char text[64], *at = text;

	(void)state;
	make();
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, &slot), 0);
	assert_int_equal(slot, 0);
	assert_memory_equal(esc_keystore_private_key(&ks), key, 32);
	esc_keystore_close(&ks);
	assert_int_equal(open_with(&ks, ESC_SLOT_CREDENTIAL, CRED, &slot), 0);
	assert_int_equal(slot, 2);
	esc_keystore_close(&ks);
	/* The recovery code, where a passphrase is asked for, as a person types it. */
	for (const char *s = code.text; *s; s++)
		*at++ = *s == '-' ? ' ' : *s == '0' ? 'o' : *s == '1' ? 'l' : (char)(*s | 0x20);
	*at = '\0';
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, text, &slot), 0);
	assert_int_equal(slot, 1);
	esc_keystore_close(&ks);

	assert_false(opens(ESC_SLOT_PASSPHRASE, PASS " "));
	assert_false(opens(ESC_SLOT_PASSPHRASE, ""));
	assert_false(opens(ESC_SLOT_CREDENTIAL, PASS));
	assert_false(opens(ESC_SLOT_PASSPHRASE, CRED));
	assert_false(opens(ESC_SLOT_FREE, ""));
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, "wrong one", NULL), -EACCES);
	esc_keystore_close(&ks);
}

static void every_flipped_bit_is_refused(void **state)
{
	uint8_t good[ESC_KEYSTORE_SIZE], bad[ESC_KEYSTORE_SIZE];

	(void)state;
	make();
	load(good);
	assert_true(opens(ESC_SLOT_PASSPHRASE, PASS));
	for (size_t i = 0; i < sizeof(good); i++) {
		for (int bit = 1; bit < 256; bit <<= 7) {
			memcpy(bad, good, sizeof(bad));
			bad[i] ^= (uint8_t)bit;
			store(bad, sizeof(bad));
			if (opens(ESC_SLOT_PASSPHRASE, PASS))
				fail_msg("bit %d of byte %zu may be changed", bit, i);
		}
	}
	store(good, sizeof(good));
	assert_true(opens(ESC_SLOT_PASSPHRASE, PASS));
}

static void every_other_length_is_refused(void **state)
{
	uint8_t bytes[ESC_KEYSTORE_SIZE + 1] = {0};
	struct esc_keystore ks;

	(void)state;
	make();
	load(bytes);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		store(bytes, len);
		assert_int_equal(esc_keystore_read(&ks, path, why),
				 len == ESC_KEYSTORE_SIZE ? 0 : -EBADMSG);
	}
}

static void a_slot_opens_only_in_its_place_and_store(void **state)
{
	struct esc_ks_file f, other, mine;
	struct esc_keystore ks;

	(void)state;
	make();
	load((uint8_t *)&other);
	make();
	load((uint8_t *)&mine);

	f = mine; /* moved within the store: does not unwrap at all */
	f.slot[5] = f.slot[0];
	memset(&f.slot[0], 0, sizeof(f.slot[0]));
	store((const uint8_t *)&f, sizeof(f));
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), -EACCES);
	esc_keystore_close(&ks);

	f = mine; /* another store's slot with the same secret */
	f.slot[0] = other.slot[0];
	store((const uint8_t *)&f, sizeof(f));
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), -EACCES);
	esc_keystore_close(&ks);

	f = mine; /* another store's header, payload, or both */
	memcpy(f.nonce, other.nonce, sizeof(f.nonce));
	memcpy(f.sealed, other.sealed, sizeof(f.sealed));
	store((const uint8_t *)&f, sizeof(f));
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), -EBADMSG);
	esc_keystore_close(&ks);
	f.header = other.header;
	store((const uint8_t *)&f, sizeof(f));
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), -EACCES);
	esc_keystore_close(&ks);

	f = mine; /* a slot taken out by somebody without the master key */
	memset(&f.slot[2], 0, sizeof(f.slot[2]));
	store((const uint8_t *)&f, sizeof(f));
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), -EBADMSG);
	esc_keystore_close(&ks);
}

static void a_removed_slot_cannot_be_put_back(void **state)
{
	struct esc_ks_file before, after;
	struct esc_keystore ks;

	(void)state;
	make();
	load((uint8_t *)&before);
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), 0);
	assert_int_equal(esc_keystore_remove(&ks, 2, why), 0);
	assert_int_equal(esc_keystore_remove(&ks, 2, why), -ENOENT);
	assert_int_equal(esc_keystore_remove(&ks, 8, why), -ENOENT);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	esc_keystore_close(&ks);
	assert_false(opens(ESC_SLOT_CREDENTIAL, CRED));
	assert_true(opens(ESC_SLOT_PASSPHRASE, PASS));
	load((uint8_t *)&after);
	after.slot[2] = before.slot[2];
	store((const uint8_t *)&after, sizeof(after));
	assert_int_equal(open_with(&ks, ESC_SLOT_CREDENTIAL, CRED, NULL), -EBADMSG);
	esc_keystore_close(&ks);
}

static void hostile_costs_are_refused_before_any_work(void **state)
{
	static const struct {
		uint32_t ops;
		uint64_t mem;
	} bad[] = {{0, 8192},	    {11, 8192}, {UINT32_MAX, 8192}, {1, 8191},
		   {1, 1ull << 40}, {1, 0},	{1, UINT64_MAX},    {1, (1ull << 30) + 1}};
	struct esc_ks_file f;
	struct esc_keystore ks;

	(void)state;
	make();
	load((uint8_t *)&f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		esc_ks_put32(f.slot[0].ops, bad[i].ops);
		esc_ks_put64(f.slot[0].mem, bad[i].mem);
		store((const uint8_t *)&f, sizeof(f));
		assert_int_equal(esc_keystore_read(&ks, path, why), -EBADMSG);
		assert_non_null(strstr(why, "1 GiB"));
	}
}

static void the_recovery_slot_is_mandatory(void **state)
{
	struct esc_recovery old = code;
	struct esc_keystore ks;
	uint32_t slot;

	(void)state;
	unlink(path);
	assert_int_equal(esc_keystore_new(&ks, key, why), 0);
	add(&ks, ESC_SLOT_PASSPHRASE, PASS, strlen(PASS), 0);
	assert_int_equal(esc_keystore_save(&ks, path, why), -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
	esc_keystore_close(&ks);

	make();
	old = code;
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), 0);
	assert_int_equal(esc_keystore_remove(&ks, 1, why), -EPERM);
	esc_recovery_new(&code);
	assert_int_equal(esc_keystore_add(&ks, ESC_SLOT_RECOVERY, "", code.digits,
					  sizeof(code.digits), &cheap, &slot, why),
			 0);
	assert_int_equal(slot, 1);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	esc_keystore_close(&ks);
	assert_false(opens(ESC_SLOT_RECOVERY, old.text));
	assert_true(opens(ESC_SLOT_RECOVERY, code.text));
}

static void slots_fill_up_and_secrets_are_checked(void **state)
{
	struct esc_keystore ks;
	char text[32];

	(void)state;
	make();
	assert_int_equal(open_with(&ks, ESC_SLOT_RECOVERY, code.text, NULL), 0);
	assert_int_equal(
		esc_keystore_add(&ks, ESC_SLOT_PASSPHRASE, "", "seven..", 7, &cheap, NULL, why),
		-EINVAL);
	assert_int_equal(
		esc_keystore_add(&ks, ESC_SLOT_CREDENTIAL, "", CRED, 15, &cheap, NULL, why),
		-EINVAL);
	assert_int_equal(esc_keystore_add(&ks, ESC_SLOT_TPM2, "", CRED, 32, &cheap, NULL, why),
			 -EINVAL);
	assert_int_equal(
		esc_keystore_add(&ks, ESC_SLOT_PASSPHRASE, "tab\t", PASS, 13, &cheap, NULL, why),
		-EINVAL);
	for (uint32_t i = 3; i < ESC_KEYSTORE_SLOTS; i++) {
		snprintf(text, sizeof(text), "passphrase %u", i);
		add(&ks, ESC_SLOT_PASSPHRASE, text, strlen(text), i);
	}
	assert_int_equal(
		esc_keystore_add(&ks, ESC_SLOT_PASSPHRASE, "", PASS, 13, &cheap, NULL, why),
		-ENOSPC);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	esc_keystore_close(&ks);
	for (uint32_t i = 3; i < ESC_KEYSTORE_SLOTS; i++) {
		snprintf(text, sizeof(text), "passphrase %u", i);
		assert_true(opens(ESC_SLOT_PASSPHRASE, text));
	}
	assert_true(opens(ESC_SLOT_PASSPHRASE, PASS));
}

static void a_changed_passphrase_replaces_the_old_one(void **state)
{
	struct esc_keystore ks;

	(void)state;
	make();
	assert_int_equal(open_with(&ks, ESC_SLOT_CREDENTIAL, CRED, NULL), 0);
	assert_int_equal(esc_keystore_change(&ks, 0, "battery staple", 14, &cheap, why), 0);
	assert_int_equal(esc_keystore_change(&ks, 2, "battery staple", 14, &cheap, why), -EINVAL);
	assert_int_equal(esc_keystore_change(&ks, 4, "battery staple", 14, &cheap, why), -ENOENT);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	assert_string_equal(esc_ks_slot_info(&ks.image, 0).label, "a label");
	esc_keystore_close(&ks);
	assert_false(opens(ESC_SLOT_PASSPHRASE, PASS));
	assert_true(opens(ESC_SLOT_PASSPHRASE, "battery staple"));
	assert_true(opens(ESC_SLOT_RECOVERY, code.text));
}

static void a_new_key_keeps_the_slots(void **state)
{
	uint8_t zero[32] = {0}, public_key[32];
	struct esc_keystore ks;

	(void)state;
	make();
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), 0);
	assert_int_equal(esc_keystore_rekey(&ks, zero, why), -EINVAL);
	randombytes_buf(key, sizeof(key));
	assert_int_equal(esc_keystore_rekey(&ks, key, why), 0);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	esc_keystore_close(&ks);
	assert_true(opens(ESC_SLOT_PASSPHRASE, PASS));
	assert_true(opens(ESC_SLOT_CREDENTIAL, CRED));
	assert_true(opens(ESC_SLOT_RECOVERY, code.text));
	assert_int_equal(esc_keystore_read(&ks, path, why), 0);
	esc_key_public(public_key, key);
	assert_memory_equal(ks.image.header.public_key, public_key, 32);
}

static void a_locked_store_cannot_be_changed(void **state)
{
	struct esc_keystore ks;

	(void)state;
	make();
	assert_int_equal(esc_keystore_read(&ks, path, why), 0);
	assert_int_equal(esc_keystore_remove(&ks, 0, why), -EACCES);
	assert_int_equal(esc_keystore_change(&ks, 0, PASS, 13, &cheap, why), -EACCES);
	assert_int_equal(esc_keystore_rekey(&ks, key, why), -EACCES);
	assert_int_equal(
		esc_keystore_add(&ks, ESC_SLOT_PASSPHRASE, "", PASS, 13, &cheap, NULL, why),
		-EACCES);
	assert_int_equal(esc_keystore_save(&ks, path, why), -EACCES);
	assert_null(esc_keystore_private_key(&ks));
}

/* What a later version may have put there stays, and the rest works. */
static void a_tpm_slot_is_kept_and_not_opened(void **state)
{
	struct esc_ks_file before, after;
	struct esc_keystore ks;

	(void)state;
	make();
	assert_int_equal(open_with(&ks, ESC_SLOT_PASSPHRASE, PASS, NULL), 0);
	ks.image.slot[6] = ks.image.slot[0];
	esc_ks_put32(ks.image.slot[6].type, ESC_SLOT_TPM2);
	memset(ks.image.slot[6].extra, 0xa5, sizeof(ks.image.slot[6].extra));
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	esc_keystore_close(&ks);
	load((uint8_t *)&before);
	assert_int_equal(open_with(&ks, ESC_SLOT_TPM2, PASS, NULL), -EACCES);
	esc_keystore_close(&ks);
	assert_int_equal(open_with(&ks, ESC_SLOT_CREDENTIAL, CRED, NULL), 0);
	assert_int_equal(esc_keystore_remove(&ks, 0, why), 0);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	load((uint8_t *)&after);
	assert_memory_equal(&before.slot[6], &after.slot[6], sizeof(after.slot[6]));
	assert_int_equal(esc_keystore_remove(&ks, 6, why), 0);
	esc_keystore_close(&ks);

	esc_ks_put32(before.slot[6].type, ESC_SLOT_TYPES);
	store((const uint8_t *)&before, sizeof(before));
	assert_int_equal(esc_keystore_read(&ks, path, why), -EBADMSG);
}

static void files_that_are_not_safe_are_refused(void **state)
{
	struct esc_keystore ks;
	char link_path[80];

	(void)state;
	make();
	for (mode_t bit = 1; bit <= S_IRWXG; bit <<= 1) {
		assert_int_equal(chmod(path, 0600 | bit), 0);
		assert_int_equal(esc_keystore_read(&ks, path, why), -EPERM);
		assert_non_null(strstr(why, "chmod 600"));
	}
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(esc_keystore_read(&ks, path, why), 0);
	snprintf(link_path, sizeof(link_path), "%s/link", dir);
	assert_int_equal(symlink(path, link_path), 0);
	assert_int_equal(esc_keystore_read(&ks, link_path, why), -ELOOP);
	assert_int_equal(esc_keystore_destroy(link_path), -ELOOP);
	unlink(link_path);
	assert_int_equal(mkfifo(link_path, 0600), 0);
	assert_int_equal(esc_keystore_read(&ks, link_path, why), -EINVAL);
	unlink(link_path);
	assert_int_equal(esc_keystore_read(&ks, dir, why), -EINVAL);
	assert_int_equal(esc_keystore_read(&ks, link_path, why), -ENOENT);
	if (!geteuid()) {
		assert_int_equal(chown(path, 1, 0), 0);
		assert_int_equal(esc_keystore_read(&ks, path, why), -EPERM);
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_true(opens(ESC_SLOT_PASSPHRASE, PASS));
}

static void a_destroyed_store_is_gone_from_its_blocks_too(void **state)
{
	static const char other[] = "not a key store, and no business of ours";
	uint8_t before[ESC_KEYSTORE_SIZE], after[ESC_KEYSTORE_SIZE];
	char left[80];

	(void)state;
	make();
	load(before);
	snprintf(left, sizeof(left), "%s.new", path);
	assert_int_equal(close(open(left, O_WRONLY | O_CREAT, 0600)), 0);
	int fd = open(path, O_RDONLY); /* what a thief of the disk would find */
	assert_int_equal(esc_keystore_destroy(path), 0);
	assert_int_equal(read(fd, after, sizeof(after)), sizeof(after));
	close(fd);
	for (size_t i = sizeof(struct esc_ks_header); i + 16 <= sizeof(after); i += 8)
		assert_memory_not_equal(before + i, after + i, 16);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(esc_keystore_destroy(path), -ENOENT);
	store((const uint8_t *)other, sizeof(other));
	assert_int_equal(esc_keystore_destroy(path), -EINVAL);
	assert_int_equal(access(path, F_OK), 0);
}

static void recovery_codes_notice_mistakes(void **state)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	struct esc_recovery r, parsed;
	char text[ESC_RECOVERY_TEXT];

	(void)state;
	esc_recovery_new(&r);
	assert_int_equal(strlen(r.text), ESC_RECOVERY_TEXT - 1);
	assert_true(esc_recovery_parse(&parsed, r.text, strlen(r.text)));
	assert_memory_equal(&parsed, &r, sizeof(r));
	for (size_t i = 0; i < strlen(r.text); i++) {
		if (r.text[i] == '-')
			continue;
		for (const char *a = alphabet; *a; a++) { /* every other character */
			memcpy(text, r.text, sizeof(text));
			text[i] = *a;
			assert_int_equal(esc_recovery_parse(&parsed, text, strlen(text)),
					 *a == r.text[i]);
		}
		for (size_t j = 0; j < i; j++) { /* every two changed */
			memcpy(text, r.text, sizeof(text));
			text[i] = text[i] == '7' ? 'Q' : '7';
			text[j] = text[j] == 'Z' ? '5' : 'Z';
			if (r.text[j] != '-')
				assert_false(esc_recovery_parse(&parsed, text, strlen(text)));
			memcpy(text, r.text, sizeof(text)); /* and swapped */
			text[i] = r.text[j];
			text[j] = r.text[i];
			if (r.text[j] != '-')
				assert_int_equal(esc_recovery_parse(&parsed, text, strlen(text)),
						 r.text[i] == r.text[j]);
		}
	}
	for (size_t len = 0; len < strlen(r.text); len++)
		assert_false(esc_recovery_parse(&parsed, r.text, len));
	assert_false(esc_recovery_parse(&parsed, "U", 1));
	assert_false(esc_recovery_parse(&parsed, "\0\0\0", 3));
}

static void the_usual_costs_work(void **state)
{
	struct esc_keystore ks;

	(void)state;
	unlink(path);
	assert_int_equal(esc_keystore_new(&ks, key, why), 0);
	for (enum esc_slot_type t = ESC_SLOT_PASSPHRASE; t <= ESC_SLOT_RECOVERY; t++)
		assert_int_equal(esc_keystore_add(&ks, t, "", code.digits, sizeof(code.digits),
						  NULL, NULL, why),
				 0);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	struct esc_slot_info pass = esc_ks_slot_info(&ks.image, 0);
	assert_int_equal(pass.mem, crypto_pwhash_argon2id_MEMLIMIT_MODERATE);
	assert_int_equal(esc_ks_slot_info(&ks.image, 1).mem,
			 crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE);
	esc_keystore_close(&ks);
	assert_true(opens(ESC_SLOT_RECOVERY, code.text));
}

static int set_up(void **state)
{
	(void)state;
	if (sodium_init() < 0 || !mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/store", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_secret_opens_it_and_no_other_does),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(a_slot_opens_only_in_its_place_and_store),
		cmocka_unit_test(a_removed_slot_cannot_be_put_back),
		cmocka_unit_test(hostile_costs_are_refused_before_any_work),
		cmocka_unit_test(the_recovery_slot_is_mandatory),
		cmocka_unit_test(slots_fill_up_and_secrets_are_checked),
		cmocka_unit_test(a_changed_passphrase_replaces_the_old_one),
		cmocka_unit_test(a_new_key_keeps_the_slots),
		cmocka_unit_test(a_locked_store_cannot_be_changed),
		cmocka_unit_test(a_tpm_slot_is_kept_and_not_opened),
		cmocka_unit_test(files_that_are_not_safe_are_refused),
		cmocka_unit_test(a_destroyed_store_is_gone_from_its_blocks_too),
		cmocka_unit_test(recovery_codes_notice_mistakes),
		cmocka_unit_test(the_usual_costs_work),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
