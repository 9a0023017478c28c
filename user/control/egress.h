/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * egress.h: hangs the egress guard on the black NIC: a tc filter (clsact, direct action) that lets
 * only ARP and neighbour discovery of the node's own kernel leave (R6). AF_XDP does not pass it.
 */
#ifndef ESC_CONTROL_EGRESS_H
#define ESC_CONTROL_EGRESS_H

#include <stdint.h>

/* 0 or -errno. An earlier guard is replaced in place. Needs CAP_NET_ADMIN. */
int esc_egress_attach(uint32_t ifindex, int prog_fd);

/* Remove the guard, and the clsact qdisc when nothing else hangs on it. */
void esc_egress_detach(uint32_t ifindex);

#endif
