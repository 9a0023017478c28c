/* SPDX-License-Identifier: BSD-2-Clause */
/* notify.h: systemd's start-up protocol (sd_notify(3)): a datagram to $NOTIFY_SOCKET. */
#ifndef ESC_CONTROL_NOTIFY_H
#define ESC_CONTROL_NOTIFY_H

/* "READY=1", "STOPPING=1", "STATUS=…". Nothing happens when nobody asked for it. */
void esc_notify(const char *state);

#endif
