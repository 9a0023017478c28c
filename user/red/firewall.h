/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * firewall.h: what secure sites may begin towards the LAN (R2): Secure, SecureAllow, SecureDeny of
 * [Firewall]. What the LAN begins, and answers, is let in; rules decide about the rest.
 *
 * Until control told the policy, everything is refused. While the policy lets everything in,
 * nothing is remembered or looked up; conversations that are under way when it changes go on as
 * soon as the LAN's host says something.
 *
 * Only what the LAN sends renews a conversation, so a site cannot keep one alive alone; it can end
 * a TCP connection. Conversations that sites began have a table of their own: they do not push out
 * those of the LAN.
 */
#ifndef ESC_RED_FIREWALL_H
#define ESC_RED_FIREWALL_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/msg.h"
#include "red/ip.h"

/* Conversations that the LAN began; a quarter as many that sites began. 64 bytes each. */
#define FIREWALL_CONVERSATIONS 65536u
#define FIREWALL_FRAGMENTS     1024u

/* Without a packet of the LAN; as the defaults of [Split] (RFC 4787, 5382, 5508). In ns. */
#define FIREWALL_TCP	  (7440ull * 1000000000ull)
#define FIREWALL_UDP	  (300ull * 1000000000ull)
#define FIREWALL_OTHER	  (240ull * 1000000000ull) /* TCP being opened or closed, too */
#define FIREWALL_ECHO	  (60ull * 1000000000ull)
#define FIREWALL_FRAGMENT (30ull * 1000000000ull)

struct firewall;

/* Takes all the memory that it will ever have. NULL: out of memory. */
struct firewall *firewall_new(uint32_t conversations);
void firewall_free(struct firewall *f);

/*
 * A part of a policy, in order; the last one puts it in force. 0, or -EPROTO: control would not
 * say that. What was in force stays in force until then.
 */
int firewall_update(struct firewall *f, const struct esc_msg_firewall *m);

/* The LAN sends p to a site: remember. */
void firewall_out(struct firewall *f, const struct packet *p, uint64_t now);
/* A site sent p; false: it must not enter. */
bool firewall_in(struct firewall *f, const struct packet *p, uint64_t now);

#endif
