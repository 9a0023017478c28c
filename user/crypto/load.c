/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/load.h"

#define MESSAGE (ESC_S / LOAD_RATE) /* for how long one counts */
#define FULL	(LOAD_ENTER * MESSAGE)

static void enter(struct load *l, uint64_t now)
{
	l->busy_until = now + FULL;
	if (l->on)
		return;
	l->on = true;
	if (!l->left_at || now - l->left_at >= l->calm)
		l->calm = LOAD_CALM;
	else
		l->calm = l->calm < LOAD_CALM_MAX / 2 ? 2 * l->calm : LOAD_CALM_MAX;
}

void load_message(struct load *l, uint64_t now)
{
	if (l->busy_until < now)
		l->busy_until = now;
	l->busy_until += MESSAGE;
	if (l->busy_until - now >= FULL)
		enter(l, now);
}

void load_waiting(struct load *l, uint64_t now, uint32_t messages)
{
	if (messages >= LOAD_WAITING)
		enter(l, now);
}

void load_budgets(struct load *l, uint64_t now, uint64_t refused_at)
{
	if (refused_at != l->refused_at)
		enter(l, now);
	l->refused_at = refused_at;
}

bool load_look(struct load *l, uint64_t now)
{
	if (l->on && now >= load_next(l)) {
		l->on = false;
		l->left_at = now;
	}
	return l->on;
}

uint64_t load_next(const struct load *l)
{
	return l->on ? l->busy_until + l->calm : UINT64_MAX;
}

bool load_known(struct load *l, uint64_t now, int known)
{
	const uint64_t one = ESC_S / LOAD_KNOWN_RATE;

	if (known < 0 || known >= (int)(ESC_KNOWN_BUCKETS * ESC_KNOWN_WAYS))
		return false;
	uint64_t full_at = l->full_at[known] > now ? l->full_at[known] : now;
	if (full_at + one > now + LOAD_KNOWN_BURST * one)
		return false;
	l->full_at[known] = full_at + one;
	return true;
}

bool load_turn(const struct load *l, uint64_t now, bool data_waits)
{
	return !data_waits || now >= l->turn_at;
}

void load_spent(struct load *l, uint64_t from, uint64_t to)
{
	l->turn_at = to + (LOAD_SHARE - 1) * (to - from);
}
