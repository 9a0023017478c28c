/* SPDX-License-Identifier: BSD-2-Clause */
/* nic.h: what the kernel says about a network device. Needs no privilege. */
#ifndef ESC_CONTROL_NIC_H
#define ESC_CONTROL_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include "control/model.h"

/* The two sides of a node, and the process that serves each. */
enum esc_side { ESC_SIDE_BLACK, ESC_SIDE_RED, ESC_SIDES };

struct esc_nic {
	char name[ESC_NIC_MAX + 1];
	char driver[32]; /* "" = unknown */
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t rx_queues;   /* in use now */
	bool combined_queues; /* queues come in pairs: `ethtool -L NIC combined N` */
	bool ethernet, loopback;
	bool up; /* administratively */
	uint8_t mac[6];
};

/* 0; -ENODEV: there is none; other -errno. */
int esc_nic_read(const char *name, struct esc_nic *nic);

/* Does the kernel forward IPv4 or IPv6 packets that arrive on this device? */
bool esc_nic_forwards(const char *name);

/* UMEM frame size for two MTUs: ESC_FRAME_SMALL or ESC_FRAME_LARGE; 0: neither holds a packet. */
uint32_t esc_frame_size(uint32_t mtu_a, uint32_t mtu_b);
/* The largest MTU that a frame of this size takes. */
uint32_t esc_frame_mtu(uint32_t frame_size);

/*
 * The largest inner IP packet: what IPv6 and UDP headers (48), WireGuard's data header and tag
 * (32) leave of the black MTU, whatever the endpoint's family, as wg-quick counts.
 */
uint32_t esc_inner_mtu(uint32_t black_mtu);

#endif
