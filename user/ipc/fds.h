/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fds.h: the one list of what connects the processes. Each re-executed process finds exactly
 * these descriptors and nothing else; a process that finds more or fewer refuses to start.
 *
 *   descriptor    red            crypto         what it is
 *   0             /dev/null      (a)            (a) terminal to unlock the key store from, or
 *   1             /dev/null      /dev/null          /dev/null; /dev/null once it is open
 *   LOG           yes            yes            standard error of the node
 *   CONTROL       yes            yes            SEQPACKET socket to control (msg.h)
 *   STATUS        red's          crypto's       memfd, struct esc_red_status / esc_crypto_status
 *   LINK          yes            yes            memfd, struct esc_link (desc.h)
 *   RED_UMEM      yes            yes            memfd, red packet memory
 *   BLACK_UMEM    -              yes            memfd, black packet memory; /dev/null in red
 *   RED_WAKE      reads          writes         eventfd that wakes red
 *   CRYPTO_WAKE   writes         reads          eventfd that wakes crypto
 *   GUARD         -              (b)            (b) BPF map black_guard (guard.h), to map; then
 *                                                  /dev/null, which is what red has from the start
 *   BUDGETS       -              (b)            the same with black_buckets (bpf_abi.h), to read
 *   XSK + i       red queue i    black queue i  AF_XDP socket, unbound, already in its XSKMAP
 */
#ifndef ESC_IPC_FDS_H
#define ESC_IPC_FDS_H

enum esc_fd {
	ESC_FD_LOG = 2,
	ESC_FD_CONTROL = 3,
	ESC_FD_STATUS = 4,
	ESC_FD_LINK = 5,
	ESC_FD_RED_UMEM = 6,
	ESC_FD_BLACK_UMEM = 7,
	ESC_FD_RED_WAKE = 8,
	ESC_FD_CRYPTO_WAKE = 9,
	ESC_FD_GUARD = 10,
	ESC_FD_BUDGETS = 11,
	ESC_FD_XSK = 12, /* ESC_FD_XSK + queue */
};

/*
 * The file in $CREDENTIALS_DIRECTORY that opens the key store: systemd's name for it, as in
 * LoadCredentialEncrypted=keystore:... Only crypto reads it.
 */
#define ESC_CREDENTIAL "keystore"

/* argv[1] of a re-executed process; not for people. */
#define ESC_ARG_RED    "@red"
#define ESC_ARG_CRYPTO "@crypto"

#endif
