/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * tcp.h: what a firewall in the middle knows of a TCP connection, and which segments fit (R11).
 * Pure functions, without BPF's helpers: tests/unit/tcp_window.c runs them, too.
 *
 * The window check is that of Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter"
 * (2001), which Linux' conntrack uses as well. A segment of one side fits if
 *   it begins before the end of every window that the other side ever advertised,
 *   it ends not before what that side sent last, less the other's largest window,
 *   it acknowledges nothing that was not sent, and nothing long acknowledged.
 * Resets close a connection only at exactly the next sequence number (RFC 5961, 3).
 */
#ifndef ESC_BPF_TCP_H
#define ESC_BPF_TCP_H

#include <stdbool.h>
#include <linux/types.h>

#include "split.h"

/* Flags of the header's byte 13 that matter. */
enum { ESC_TH_FIN = 1, ESC_TH_SYN = 2, ESC_TH_RST = 4, ESC_TH_ACK = 16 };

/* esc_tcp_side.seen */
enum {
	ESC_TCP_SYN = 1,      /* it sent one: end, max_win are valid */
	ESC_TCP_ACCEPTED = 2, /* and the other side acknowledged it */
	ESC_TCP_FIN = 4,
	ESC_TCP_SCALE = 8, /* it offered window scaling */
};

#define ESC_TCP_SCALE_NONE  0xff
#define ESC_TCP_SCALE_MAX   14u /* RFC 7323, 2.3 */
#define ESC_TCP_OPTIONS_MAX 40u
#define ESC_TCP_OLD_ACK	    66000u /* an acknowledgement may be so old; at least a full window */

struct esc_segment {
	__u32 seq, ack;
	__u32 len; /* of the payload */
	__u16 win;
	__u8 flags;
	__u8 scale;   /* of a SYN: the option's value, or ESC_TCP_SCALE_NONE */
	__u8 partial; /* first fragment: the segment is longer than `len` */
};

enum esc_tcp_verdict {
	ESC_TCP_FITS,
	ESC_TCP_REFUSED,
	ESC_TCP_AGAIN, /* a new connection begins where this one ended */
};

static inline bool esc_tcp_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* A walk over a SYN's `len` bytes of options, at most ESC_TCP_OPTIONS_MAX. */
struct esc_tcp_options {
	const __u8 *option;
	__u32 len, at;
	__u32 scale; /* ESC_TCP_SCALE_NONE until it is found (RFC 7323, 2.2) */
};

/* One option; true: there is nothing more to see. */
static inline bool esc_tcp_option(struct esc_tcp_options *o)
{
	__u32 at = o->at, size = 1;

	if (at > ESC_TCP_OPTIONS_MAX - 3 || at + 3 > o->len || o->option[at] == 0)
		return true;
	if (o->option[at] != 1)
		size = o->option[at + 1];
	if (o->option[at] != 1 && size < 2)
		return true;
	if (o->option[at] == 3 && size == 3) {
		o->scale = o->option[at + 2] < ESC_TCP_SCALE_MAX ? o->option[at + 2]
								 : ESC_TCP_SCALE_MAX;
		return true;
	}
	o->at = at + size;
	return false;
}

/* The sequence number behind the segment: SYN and FIN count (RFC 9293, 3.4). */
static inline __u32 esc_tcp_end(const struct esc_segment *s)
{
	return s->seq + s->len + !!(s->flags & ESC_TH_SYN) + !!(s->flags & ESC_TH_FIN);
}

/* Combinations that RFC 9293 has no use for only probe a firewall. */
static inline bool esc_tcp_flags_sound(__u8 flags)
{
	if (flags & ESC_TH_RST)
		return !(flags & (ESC_TH_SYN | ESC_TH_FIN));
	if (flags & ESC_TH_SYN)
		return !(flags & ESC_TH_FIN);
	return flags & ESC_TH_ACK;
}

/* The window that the segment advertises; that of a SYN is never scaled (RFC 7323, 2.2). */
static inline __u32 esc_tcp_win(const struct esc_tcp_side *sender,
				const struct esc_tcp_side *receiver, const struct esc_segment *s)
{
	bool scaled = sender->seen & receiver->seen & ESC_TCP_SCALE;

	if (!scaled || (s->flags & ESC_TH_SYN))
		return s->win;
	return (__u32)s->win << (sender->scale & 15);
}

static inline bool esc_tcp_fits(const struct esc_tcp_side *sender,
				const struct esc_tcp_side *receiver, const struct esc_segment *s)
{
	__u32 old = sender->max_win > ESC_TCP_OLD_ACK ? sender->max_win : ESC_TCP_OLD_ACK;

	if (esc_tcp_after(s->seq, sender->max_end) ||
	    esc_tcp_after(sender->end - receiver->max_win, esc_tcp_end(s)))
		return false;
	return !(s->flags & ESC_TH_ACK) || (!esc_tcp_after(s->ack, receiver->end) &&
					    !esc_tcp_after(receiver->end - old, s->ack));
}

/* What an acknowledgement allows the other side to send; a window of 0 may be probed. */
static inline void esc_tcp_allow(struct esc_tcp_side *receiver, __u32 ack, __u32 win)
{
	__u32 max_end = ack + (win ? win : 1);

	if (esc_tcp_after(max_end, receiver->max_end))
		receiver->max_end = max_end;
}

/* The first SYN of a side, or one that replaces it. */
static inline void esc_tcp_begin(struct esc_tcp_side *sender, struct esc_tcp_side *receiver,
				 const struct esc_segment *s)
{
	sender->end = esc_tcp_end(s);
	sender->max_end = s->seq + 1 + receiver->max_win;
	sender->max_win = s->win ? s->win : 1;
	sender->scale = s->scale == ESC_TCP_SCALE_NONE ? 0 : s->scale;
	sender->seen = s->scale == ESC_TCP_SCALE_NONE ? ESC_TCP_SYN : ESC_TCP_SYN | ESC_TCP_SCALE;
	if (!(receiver->seen & ESC_TCP_SYN))
		return;
	esc_tcp_allow(receiver, s->flags & ESC_TH_ACK ? s->ack : receiver->end, s->win);
	if (s->flags & ESC_TH_ACK)
		receiver->seen |= ESC_TCP_ACCEPTED;
}

/* A segment that fits, of a connection whose sides both began. */
static inline void esc_tcp_learn(struct esc_tcp_side *sender, struct esc_tcp_side *receiver,
				 const struct esc_segment *s)
{
	__u32 end = esc_tcp_end(s), win = esc_tcp_win(sender, receiver, s);

	if (s->partial && esc_tcp_after(sender->max_end, end))
		end = sender->max_end; /* it ends somewhere up to there */
	if (esc_tcp_after(end, sender->end))
		sender->end = end;
	if (win > sender->max_win)
		sender->max_win = win;
	esc_tcp_allow(receiver, s->ack, win);
	receiver->seen |= ESC_TCP_ACCEPTED;
	if (s->flags & ESC_TH_FIN)
		sender->seen |= ESC_TCP_FIN;
}

/*
 * A SYN. Sides that both begin without an acknowledgement open simultaneously (RFC 5382, REQ-2).
 * `opener` may begin: its SYN amid a connection is passed on and changes nothing; a peer that knows
 * of none, or of another one, answers so that the opener resets it (RFC 5961, 4).
 */
static inline int esc_tcp_syn(struct esc_tcp_side *sender, struct esc_tcp_side *receiver,
			      __u8 state, bool opener, const struct esc_segment *s)
{
	bool answer = s->flags & ESC_TH_ACK;

	if (!(receiver->seen & ESC_TCP_SYN)) {
		if (answer)
			return ESC_TCP_REFUSED;
		if (state == ESC_CONN_CLOSE)
			return opener ? ESC_TCP_AGAIN : ESC_TCP_REFUSED;
		esc_tcp_begin(sender, receiver, s);
		return ESC_TCP_FITS;
	}
	if (state == ESC_CONN_CLOSE || state == ESC_CONN_TIME_WAIT) {
		if (!answer)
			return opener ? ESC_TCP_AGAIN : ESC_TCP_REFUSED;
		return esc_tcp_fits(sender, receiver, s) ? ESC_TCP_FITS : ESC_TCP_REFUSED;
	}
	if (!(sender->seen & ESC_TCP_SYN)) {
		/* Data in the SYN (RFC 7413) need not be acknowledged. */
		if (answer && (esc_tcp_after(s->ack, receiver->end) ||
			       esc_tcp_after(receiver->max_end, s->ack)))
			return ESC_TCP_REFUSED;
		esc_tcp_begin(sender, receiver, s);
		return ESC_TCP_FITS;
	}
	/* One that knows the number of the other's SYN overrules one that does not. */
	if (answer && state == ESC_CONN_SYN_RECV && !(sender->seen & ESC_TCP_ACCEPTED) &&
	    s->ack == receiver->end) {
		esc_tcp_begin(sender, receiver, s);
		return ESC_TCP_FITS;
	}
	if (!answer && opener)
		return ESC_TCP_FITS;
	if (!esc_tcp_fits(sender, receiver, s))
		return ESC_TCP_REFUSED;
	if (answer)
		esc_tcp_learn(sender, receiver, s);
	return ESC_TCP_FITS;
}

static inline int esc_tcp_reset(const struct esc_tcp_side *sender,
				const struct esc_tcp_side *receiver, __u8 *state,
				const struct esc_segment *s)
{
	bool closes;

	if (!(sender->seen & ESC_TCP_SYN)) /* a refused SYN: it is known by its number only */
		closes = (s->flags & ESC_TH_ACK) && !esc_tcp_after(s->ack, receiver->end) &&
			 !esc_tcp_after(receiver->max_end, s->ack);
	else if (!(receiver->seen & ESC_TCP_SYN))
		closes = s->seq == sender->end;
	else if (!esc_tcp_fits(sender, receiver, s))
		return ESC_TCP_REFUSED;
	else if (s->seq != sender->end)
		return ESC_TCP_FITS; /* the receiver asks back (RFC 5961, 3.2) */
	else
		closes = true;
	if (!closes)
		return ESC_TCP_REFUSED;
	*state = ESC_CONN_CLOSE;
	return ESC_TCP_FITS;
}

static inline __u8 esc_tcp_state(const struct esc_tcp_side side[2], __u8 state)
{
	__u8 both = side[0].seen & side[1].seen, any = side[0].seen | side[1].seen;

	if (state == ESC_CONN_CLOSE)
		return state;
	if (both & ESC_TCP_FIN)
		return ESC_CONN_TIME_WAIT;
	if (any & ESC_TCP_FIN)
		return ESC_CONN_FIN_WAIT;
	if (both & ESC_TCP_ACCEPTED)
		return ESC_CONN_ESTABLISHED;
	return both & ESC_TCP_SYN ? ESC_CONN_SYN_RECV : ESC_CONN_SYN_SENT;
}

/*
 * One segment, sent by side[from] of a connection; all zero and ESC_CONN_SYN_SENT before the first.
 * `opener`: that side began, and may begin again. enum esc_tcp_verdict; nothing changes but where
 * it fits.
 */
static inline int esc_tcp_segment(struct esc_tcp_side side[2], __u8 *state, __u32 from, bool opener,
				  const struct esc_segment *s)
{
	struct esc_tcp_side *sender = from == ESC_FROM_LAN ? &side[0] : &side[1];
	struct esc_tcp_side *receiver = from == ESC_FROM_LAN ? &side[1] : &side[0];
	int verdict;

	if (!esc_tcp_flags_sound(s->flags))
		return ESC_TCP_REFUSED;
	if (s->flags & ESC_TH_RST)
		return esc_tcp_reset(sender, receiver, state, s);
	if (s->flags & ESC_TH_SYN) {
		verdict = esc_tcp_syn(sender, receiver, *state, opener, s);
		if (verdict == ESC_TCP_FITS)
			*state = esc_tcp_state(side, *state);
		return verdict;
	}
	if (!(sender->seen & receiver->seen & ESC_TCP_SYN) || !esc_tcp_fits(sender, receiver, s))
		return ESC_TCP_REFUSED;
	esc_tcp_learn(sender, receiver, s);
	*state = esc_tcp_state(side, *state);
	return ESC_TCP_FITS;
}

#endif
