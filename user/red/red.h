/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * red.h: the red domain: plaintext only. Owns the red packet memory and the red NIC's AF_XDP
 * sockets; never sees a key or ciphertext (R6). It makes the node look like an ordinary router to
 * the site (R10): next hops, TTL, ICMP, MTU.
 */
#ifndef ESC_RED_RED_H
#define ESC_RED_RED_H

/*
 * The re-executed process: finds its descriptors as ipc/fds.h says, sets itself up, gives up all
 * privileges, serves packets until control says STOP or goes away. Ends the process.
 * Needs CAP_IPC_LOCK (pinning packet memory) and the right to change its user until then.
 */
__attribute__((noreturn)) void esc_red_main(void);

#endif
