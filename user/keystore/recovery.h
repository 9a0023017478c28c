/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recovery.h: the recovery code: 130 random bits as a person copies them, seven groups of four
 * characters: 26 digits of Crockford's base 32 (no I, L, O, U; case does not matter; O is read as
 * 0, I and L as 1; blanks and hyphens are ignored) and two that check them. One or two wrong
 * characters, two that changed places, one too few or too many are always noticed, before Argon2id
 * gets to work.
 */
#ifndef ESC_KEYSTORE_RECOVERY_H
#define ESC_KEYSTORE_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>

#define ESC_RECOVERY_DIGITS 26u
#define ESC_RECOVERY_TEXT   35u /* XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX and NUL */

/* Secret: keep it in guarded memory. The digits, in capitals, are what Argon2id gets. */
struct esc_recovery {
	char digits[ESC_RECOVERY_DIGITS];
	char text[ESC_RECOVERY_TEXT];
};

void esc_recovery_new(struct esc_recovery *r);

/* false (and *r wiped): this is no recovery code. */
bool esc_recovery_parse(struct esc_recovery *r, const char *text, size_t len);

#endif
