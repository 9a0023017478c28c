/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crypto.h: the crypto domain: the only process with keys (R6). Reads plaintext from and writes
 * plaintext to the red packet memory, owns the black one and the black NIC's AF_XDP sockets.
 */
#ifndef ESC_CRYPTO_CRYPTO_H
#define ESC_CRYPTO_CRYPTO_H

/*
 * The re-executed process: finds its descriptors as ipc/fds.h says, sets itself up, gives up all
 * privileges, serves packets until control says STOP or goes away. Ends the process.
 * Needs CAP_IPC_LOCK (pinning packet memory) and the right to change its user until then.
 */
__attribute__((noreturn)) void esc_crypto_main(void);

#endif
