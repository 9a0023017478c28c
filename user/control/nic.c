/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/nic.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(int fd, struct esc_nic *nic, unsigned long request, struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	memcpy(ifr->ifr_name, nic->name, sizeof(nic->name));
	return ioctl(fd, request, ifr) ? -errno : 0;
}

static int ask_ethtool(int fd, struct esc_nic *nic, void *cmd)
{
	struct ifreq ifr = {.ifr_data = cmd};

	memcpy(ifr.ifr_name, nic->name, sizeof(nic->name));
	return ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

static int read_basics(int fd, struct esc_nic *nic)
{
	struct ifreq ifr;
	int err = ask(fd, nic, SIOCGIFINDEX, &ifr);

	if (err)
		return err;
	nic->ifindex = (uint32_t)ifr.ifr_ifindex;
	err = ask(fd, nic, SIOCGIFFLAGS, &ifr);
	if (err)
		return err;
	nic->up = ifr.ifr_flags & IFF_UP;
	nic->loopback = ifr.ifr_flags & IFF_LOOPBACK;
	err = ask(fd, nic, SIOCGIFMTU, &ifr);
	if (err)
		return err;
	nic->mtu = (uint32_t)ifr.ifr_mtu;
	err = ask(fd, nic, SIOCGIFHWADDR, &ifr);
	if (err)
		return err;
	nic->ethernet = ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	memcpy(nic->mac, ifr.ifr_hwaddr.sa_data, sizeof(nic->mac));
	return 0;
}

/* A driver that cannot be asked has one queue: drivers with several all offer the question. */
static void read_driver(int fd, struct esc_nic *nic)
{
	struct ethtool_channels ch = {.cmd = ETHTOOL_GCHANNELS};
	struct ethtool_drvinfo drv = {.cmd = ETHTOOL_GDRVINFO};

	nic->rx_queues = 1;
	if (!ask_ethtool(fd, nic, &ch) && ch.rx_count + ch.combined_count) {
		nic->rx_queues = ch.rx_count + ch.combined_count;
		nic->combined_queues = ch.max_combined > 0;
	}
	if (!ask_ethtool(fd, nic, &drv))
		snprintf(nic->driver, sizeof(nic->driver), "%.31s", drv.driver);
}

int esc_nic_read(const char *name, struct esc_nic *nic)
{
	*nic = (struct esc_nic){0};
	if (strlen(name) >= sizeof(nic->name))
		return -ENODEV;
	memcpy(nic->name, name, strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* any kind will do to ask with */
	if (fd < 0)
		return -errno;
	int err = read_basics(fd, nic);
	if (!err)
		read_driver(fd, nic);
	close(fd);
	return err;
}

static bool sysctl_is_on(const char *family, const char *name)
{
	char path[96], c = '0';

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding", family, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, &c, 1);
	close(fd);
	return n == 1 && c != '0';
}

bool esc_nic_forwards(const char *name)
{
	return sysctl_is_on("ipv4", name) || sysctl_is_on("ipv6", name);
}

uint32_t esc_frame_mtu(uint32_t frame_size)
{
	return frame_size - ESC_XDP_HEADROOM - ETH_HLEN;
}

uint32_t esc_frame_size(uint32_t mtu_a, uint32_t mtu_b)
{
	uint32_t mtu = mtu_a > mtu_b ? mtu_a : mtu_b;

	if (mtu <= esc_frame_mtu(ESC_FRAME_SMALL))
		return ESC_FRAME_SMALL;
	return mtu <= esc_frame_mtu(ESC_FRAME_LARGE) ? ESC_FRAME_LARGE : 0;
}

uint32_t esc_inner_mtu(uint32_t black_mtu)
{
	const uint32_t overhead = 40 + 8 + 16 + 16;

	return black_mtu > overhead ? black_mtu - overhead : 0;
}
