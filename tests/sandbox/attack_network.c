/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks by sockets: to the network, to control, to the kernel's configuration, by AF_XDP. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attack.h"
#include "ipc/msg.h"

static int try_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int try_connect(int type, const void *to, socklen_t len)
{
	const struct sockaddr *sa = to;
	int fd = socket(sa->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return errno;
	int err = TRIED(connect(fd, sa, len));
	close(fd);
	return err == EINPROGRESS ? 0 : err;
}

/* The node's own black address: where a packet could leave from. */
static const struct sockaddr_in somewhere = {
	.sin_family = AF_INET, .sin_port = 0x0900, .sin_addr.s_addr = 0xfe014064};

static int connect_tcp(const struct target *t)
{
	(void)t;
	return try_connect(SOCK_STREAM, &somewhere, sizeof(somewhere));
}

static int connect_udp(const struct target *t)
{
	(void)t;
	return try_connect(SOCK_DGRAM, &somewhere, sizeof(somewhere));
}

static int connect_unix(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return try_connect(SOCK_STREAM, &to, sizeof(to));
}

static int connect_status(const struct target *t)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/esclusa/%s.sock", t->node);
	return connect_unix(path);
}

static int connect_wg(const struct target *t)
{
	char path[64];

	snprintf(path, sizeof(path), "/var/run/wireguard/%s.sock", t->node);
	return connect_unix(path);
}

static int connect_abstract(const struct target *t)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = strlen(t->abstract);

	memcpy(to.sun_path + 1, t->abstract, len);
	return try_connect(SOCK_STREAM, &to, (socklen_t)(sizeof(sa_family_t) + 1 + len));
}

static int listen_abstract(const struct target *t)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "\0esclusa-attack"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)t;
	if (fd < 0)
		return errno;
	int err = TRIED(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	close(fd);
	return err;
}

static int socket_inet6(const struct target *t)
{
	(void)t;
	return try_socket(AF_INET6, SOCK_DGRAM, 0);
}

static int socket_raw(const struct target *t)
{
	(void)t;
	return try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int socket_packet(const struct target *t)
{
	(void)t;
	return try_socket(AF_PACKET, SOCK_RAW, 0x0300);
}

static int socket_xdp(const struct target *t)
{
	(void)t;
	return try_socket(AF_XDP, SOCK_RAW, 0);
}

static int socket_netlink(const struct target *t)
{
	(void)t;
	return try_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

static int socket_alg(const struct target *t)
{
	(void)t;
	return try_socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static int socket_pair(const struct target *t)
{
	int pair[2];

	(void)t;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return errno;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* Descriptors of ours in control's hands, one per message. */
static int send_descriptor(const struct target *t)
{
	struct esc_msg m = {.type = ESC_MSG_LOG, .u.log = {.level = 7, .text = "attack"}};
	struct iovec iov = {&m, offsetof(struct esc_msg, u) + sizeof(m.u.log)};
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.h = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	const struct msghdr msg = {.msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = &control,
				   .msg_controllen = sizeof(control)};
	const int fd = ESC_FD_LINK;

	(void)t;
	m.len = sizeof(m.u.log);
	memcpy(CMSG_DATA(&control.h), &fd, sizeof(fd));
	for (int i = 0; i < 8; i++) {
		if (sendmsg(ESC_FD_CONTROL, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return errno;
	}
	return 0;
}

static int xsk_bind_elsewhere(const struct target *t)
{
	struct sockaddr_xdp to = {.sxdp_family = AF_XDP, .sxdp_ifindex = 1};
	int err = EBUSY;

	(void)t;
	for (unsigned int i = 1; i < 32 && err; i++) {
		to.sxdp_ifindex = i / 2;
		to.sxdp_queue_id = i % 2;
		err = TRIED(bind(ESC_FD_XSK, (struct sockaddr *)&to, sizeof(to)));
	}
	return err;
}

static char page[4096] __attribute__((aligned(4096)));

static int xsk_register_memory(const struct target *t)
{
	const struct xdp_umem_reg reg = {
		.addr = (uintptr_t)page, .len = sizeof(page), .chunk_size = sizeof(page)};

	(void)t;
	return TRIED(setsockopt(ESC_FD_XSK, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)));
}

static int xsk_new_ring(const struct target *t)
{
	const int slots = 64;

	(void)t;
	return TRIED(setsockopt(ESC_FD_XSK, SOL_XDP, XDP_RX_RING, &slots, sizeof(slots)));
}

/* Another network namespace by a socket that came from it. */
static int xsk_network_namespace(const struct target *t)
{
	(void)t;
	return TRIED(ioctl(ESC_FD_XSK, SIOCGSKNS));
}

static int xsk_interfaces(const struct target *t)
{
	struct ifreq list[8];
	struct ifconf conf = {.ifc_len = sizeof(list), .ifc_req = list};

	(void)t;
	return TRIED(ioctl(ESC_FD_XSK, SIOCGIFCONF, &conf));
}

static int xsk_interface_down(const struct target *t)
{
	struct ifreq r = {.ifr_name = "black0"};

	(void)t;
	return TRIED(ioctl(ESC_FD_XSK, SIOCSIFFLAGS, &r));
}

static int force_buffer(const struct target *t)
{
	const int size = 64 << 20;

	(void)t;
	return TRIED(setsockopt(ESC_FD_CONTROL, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)));
}

const struct attack attacks_on_network[] = {
	{.name = "connect_tcp", .run = connect_tcp},
	{.name = "connect_udp", .run = connect_udp},
	{.name = "connect_status", .run = connect_status},
	{.name = "connect_wg", .run = connect_wg},
	{.name = "connect_abstract", .run = connect_abstract},
	{.name = "listen_abstract", .run = listen_abstract},
	{.name = "socket_inet6", .run = socket_inet6},
	{.name = "socket_raw", .run = socket_raw},
	{.name = "socket_packet", .run = socket_packet},
	{.name = "socket_xdp", .run = socket_xdp},
	{.name = "socket_netlink", .run = socket_netlink},
	{.name = "socket_alg", .run = socket_alg},
	{.name = "socket_pair", .run = socket_pair},
	{.name = "send_descriptor", .run = send_descriptor},
	{.name = "xsk_bind_elsewhere", .run = xsk_bind_elsewhere},
	{.name = "xsk_register_memory", .run = xsk_register_memory},
	{.name = "xsk_new_ring", .run = xsk_new_ring},
	{.name = "xsk_network_namespace", .run = xsk_network_namespace},
	{.name = "xsk_interfaces", .run = xsk_interfaces},
	{.name = "xsk_interface_down", .run = xsk_interface_down},
	{.name = "force_buffer", .run = force_buffer},
	{0},
};
