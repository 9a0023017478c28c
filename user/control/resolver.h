/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver.h: next hops of one side, as its packet process wants them (ESC_MSG_WANT): keeps what
 * was asked for and answered, looks again when routes, addresses or neighbours change, and sends
 * an answer (ESC_MSG_HOP) only when it is asked for or differs. Tables are the kernel's; nothing
 * is cached that could outlive a change there.
 */
#ifndef ESC_CONTROL_RESOLVER_H
#define ESC_CONTROL_RESOLVER_H

#include <stdint.h>

#include "control/netlink.h"
#include "ipc/msg.h"

/* Destinations of one side; beyond that the least recently wanted is forgotten. */
#define ESC_WANTED_MAX 8192u
/* Forgotten when not wanted again for this long (processes ask every 30 s while in use). */
#define ESC_WANTED_NS (90ull * 1000000000ull)
/* A neighbour that says nothing for this long does not answer (the kernel gives up after 3 s). */
#define ESC_RESOLVE_NS (4ull * 1000000000ull)

struct esc_resolver;

/* Where answers come from and go to; netlink.h in a node. */
struct esc_resolver_ops {
	int (*route)(void *arg, const uint8_t dst[16], struct esc_route *route);
	int (*neigh)(void *arg, const uint8_t addr[16], struct esc_neigh *n);
	void (*probe)(void *arg, const uint8_t addr[16]);
	void (*send)(void *arg, const struct esc_msg_hop *hop);
};

/* NULL: out of memory. `now` is esc_now() time throughout. */
struct esc_resolver *esc_resolver_new(const struct esc_resolver_ops *ops, void *arg);
void esc_resolver_free(struct esc_resolver *r);

/* The process wants dst: answers, and keeps its neighbour alive. */
void esc_resolver_want(struct esc_resolver *r, const uint8_t dst[16], uint64_t now);
/* The kernel's neighbour table changed. */
void esc_resolver_neigh(struct esc_resolver *r, const struct esc_neigh *n, uint64_t now);
/* Routes or addresses changed, or news was lost: look everything up again. */
void esc_resolver_refresh(struct esc_resolver *r, uint64_t now);
/* Once a second or so: give up on silent neighbours, forget what nobody wants. */
void esc_resolver_tick(struct esc_resolver *r, uint64_t now);
/* A new process knows nothing: forget everything. */
void esc_resolver_reset(struct esc_resolver *r);

uint32_t esc_resolver_count(const struct esc_resolver *r);

#endif
