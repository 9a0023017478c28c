/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.h: systemd's start-up protocol (sd_notify(3)): a datagram to $NOTIFY_SOCKET. Never blocks:
 * what the socket does not take is lost.
 */
#ifndef ESC_CONTROL_NOTIFY_H
#define ESC_CONTROL_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "STATUS=…", "WATCHDOG=1". Nothing happens when nobody asked for it. */
void esc_notify(const char *state);

/* Within what time systemd wants to hear "WATCHDOG=1" from this process, ns; 0: it does not. */
uint64_t esc_notify_watchdog(void);

#endif
