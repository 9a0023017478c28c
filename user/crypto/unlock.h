/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unlock.h: the node's private key out of its key store (R13), before the process locks itself in:
 * nothing else in the system ever has it.
 */
#ifndef ESC_CRYPTO_UNLOCK_H
#define ESC_CRYPTO_UNLOCK_H

#include "noise/wg.h"

/*
 * Open the key store at path and give its key to the device; public_key is then the key's, and all
 * zero if path is "". What opens it: the file $CREDENTIALS_DIRECTORY/keystore of systemd, or a
 * person at the terminal that is descriptor 0 (three tries). Descriptor 0 is /dev/null afterwards,
 * and all that was secret is wiped. 0, or -errno after saying why in the log. Needs to be root.
 */
int crypto_unlock(const char *path, struct wg_device *wg, uint8_t public_key[32]);

#endif
