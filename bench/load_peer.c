/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load peer: COUNT WireGuard peers on the protocol core, each with a UDP socket of its own. They
 * hold their sessions with one node, and with --send seal packets for it as fast as one core can
 * and send them through AF_XDP.
 */
#include "load.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/encode.h"
#include "crypto/outer.h"
#include "noise/wg.h"
#include "select.h"
#include "xsk/xsk.h"

#define PEERS_MAX  1024
#define MSG_OFFSET 112u
#define FRAMES	   4096u

struct load_peer {
	int fd;
	uint16_t port;
	struct wg_device *dev;
	struct wg_peer *node;
	bool session;
};

struct load {
	struct esc_aead aead;
	uint32_t count, sessions;
	struct load_peer *peer;
	struct sockaddr_in node;
	struct wg_endpoint endpoint;
	uint8_t node_key[32];
	/* --send */
	const char *device;
	uint32_t size, next;
	struct outer_path path;
	uint8_t plain[2048];
	struct esc_frames frames;
	struct esc_xsk xsk;
	uint64_t sent;
};

static void env_random(void *arg, void *buf, size_t len)
{
	(void)arg;
	randombytes_buf(buf, len);
}

static uint64_t env_unix_ns(void *arg)
{
	(void)arg;
	return esc_unix_now();
}

static void *env_key_new(void *arg, const uint8_t key[32])
{
	struct load *l = arg;

	return l->aead.provider->key_new(l->aead.ctx, key);
}

static void env_key_free(void *arg, void *key)
{
	struct load *l = arg;

	l->aead.provider->key_free(l->aead.ctx, key);
}

static void send_udp(const struct load *l, const struct load_peer *p, const void *msg, size_t len)
{
	if (sendto(p->fd, msg, len, 0, (const struct sockaddr *)&l->node, sizeof(l->node)) < 0 &&
	    errno != EAGAIN)
		perror("load peer: sendto");
}

/* Seal plain (len bytes) with the peer's session; returns the message length, 0 if none. */
static uint32_t seal_one(struct load *l, struct load_peer *p, const uint8_t *plain, uint32_t len,
			 uint8_t *msg, struct esc_aead_job *job)
{
	struct wg_tx_slot tx;

	if (wg_tx_begin(p->node, esc_now(), !len, &tx) != WG_TX_OK)
		return 0;
	struct wg_msg_data h = {.type = htole32(WG_DATA),
				.receiver = htole32(tx.receiver),
				.counter = htole64(tx.counter)};
	memcpy(msg, &h, sizeof(h));
	*job = (struct esc_aead_job){.key = tx.key,
				     .counter = tx.counter,
				     .in = plain,
				     .out = msg + sizeof(h),
				     .len = len};
	(void)l;
	return len + WG_DATA_OVERHEAD;
}

static void keepalive(struct load *l, struct load_peer *p)
{
	uint8_t msg[WG_DATA_OVERHEAD], nothing = 0;
	struct esc_aead_job job;
	uint32_t len = seal_one(l, p, &nothing, 0, msg, &job);

	if (!len)
		return;
	l->aead.provider->seal(l->aead.ctx, &job, 1);
	send_udp(l, p, msg, len);
}

static void timers(struct load *l, struct load_peer *p)
{
	struct wg_peer *peer;
	struct wg_out out;

	for (;;) {
		switch (wg_poll(p->dev, esc_now(), &peer, &out)) {
		case WG_ACT_SEND:
			send_udp(l, p, out.bytes, out.len);
			break;
		case WG_ACT_KEEPALIVE:
			keepalive(l, p);
			break;
		case WG_ACT_GAVE_UP:
			break;
		case WG_ACT_NONE:
			return;
		}
	}
}

static void receive(struct load *l, struct load_peer *p)
{
	uint8_t msg[2048];
	struct wg_out out;
	ssize_t n;

	while ((n = recv(p->fd, msg, sizeof(msg), MSG_DONTWAIT)) > 0) {
		if (n < 4 || msg[0] == WG_DATA)
			continue; /* data is counted by the sink, not read */
		struct wg_received r =
			wg_receive(p->dev, esc_now(), &l->endpoint, msg, (size_t)n, false, &out);
		if (out.len)
			send_udp(l, p, out.bytes, out.len);
		if (r.session_ready)
			keepalive(l, p);
		if (r.verdict == WG_HS_ACCEPTED && !p->session) {
			p->session = true;
			l->sessions++;
		}
	}
	timers(l, p);
}

static int open_peer(struct load *l, uint32_t seed, uint32_t i)
{
	struct load_peer *p = &l->peer[i];
	static struct esc_guard unread;
	const struct wg_env env = {l, env_random, env_unix_ns, env_key_new, env_key_free, &unread};
	struct sockaddr_in me = {.sin_family = AF_INET};
	socklen_t len = sizeof(me);
	uint8_t priv[32], pub[32];
	struct wg_tx_slot tx;

	load_key(seed, i, priv, pub);
	p->dev = wg_device_new(&env);
	p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!p->dev || p->fd < 0 || bind(p->fd, (struct sockaddr *)&me, sizeof(me)) ||
	    getsockname(p->fd, (struct sockaddr *)&me, &len))
		return -1;
	p->port = ntohs(me.sin_port);
	if (wg_device_set_key(p->dev, priv, esc_now()) ||
	    wg_peer_add(p->dev, 0, l->node_key, esc_now(), &p->node))
		return -1;
	wg_peer_set_endpoint(p->node, &l->endpoint);
	wg_tx_begin(p->node, esc_now(), false, &tx); /* asks for a handshake */
	return 0;
}

/* --- --send -------------------------------------------------------------------------------- */

static int open_sender(struct load *l, const char *dmac, const char *smac, const char *local)
{
	struct esc_xsk_opts opts = {
		.ifindex = if_nametoindex(l->device), .copy = true, .umem_fd = -1};
	const char *what = "";
	bool zero_copy;
	void *mem = mmap(NULL, (size_t)FRAMES * 2048, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem == MAP_FAILED || esc_frames_init(&l->frames, mem, FRAMES, 2048))
		return -1;
	for (int i = 0; i < 6; i++) {
		l->path.dst_mac[i] = (uint8_t)strtoul(dmac + 3 * i, NULL, 16);
		l->path.src_mac[i] = (uint8_t)strtoul(smac + 3 * i, NULL, 16);
	}
	if (!esc_addr_parse(local, l->path.local))
		return -1;
	memcpy(l->path.remote, l->endpoint.addr, 16);
	l->path.remote_port = l->endpoint.port;
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	int err = esc_xsk_open(&l->xsk, fd, &l->frames, &opts, &zero_copy, &what);
	if (err)
		fprintf(stderr, "load peer: AF_XDP on %s: %s: %s\n", l->device, what,
			strerror(-err));
	return err;
}

/* Inner packet of peer i: 10.(100 + i/256).(i % 256).2 -> 10.1.0.2, UDP to the discard port. */
static void make_plain(struct load *l, uint32_t i)
{
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .ttl = 64,
			   .protocol = IPPROTO_UDP,
			   .tot_len = htons((uint16_t)l->size),
			   .saddr = htonl(0x0a640002 + (i << 8)),
			   .daddr = htonl(0x0a010002)};
	struct udphdr udp = {.source = htons(1009),
			     .dest = htons(9),
			     .len = htons((uint16_t)(l->size - sizeof(ip)))};
	uint32_t sum = 0;
	uint16_t w[10];

	memcpy(w, &ip, sizeof(w));
	for (int k = 0; k < 10; k++)
		sum += w[k];
	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = (uint16_t) ~(sum + (sum >> 16));
	memcpy(l->plain, &ip, sizeof(ip));
	memcpy(l->plain + sizeof(ip), &udp, sizeof(udp));
}

static void send_batch(struct load *l)
{
	struct esc_aead_job job[ESC_AEAD_BATCH_MAX];
	uint32_t frame[ESC_AEAD_BATCH_MAX], n = 0;
	uint16_t port[ESC_AEAD_BATCH_MAX];
	uint32_t padded = (l->size + 15) & ~15u;

	while (n < ESC_AEAD_BATCH_MAX && esc_frame_alloc(&l->frames, ESC_PLACE_busy, &frame[n])) {
		uint32_t i = l->next++ % l->count;
		uint8_t *msg = l->frames.base + esc_frame_addr(&l->frames, frame[n]) + MSG_OFFSET;

		if (l->count > 1 || l->next == 1)
			make_plain(l, i);
		if (!seal_one(l, &l->peer[i], l->plain, padded, msg, &job[n])) {
			esc_frame_free(&l->frames, frame[n], ESC_PLACE_busy);
			break;
		}
		port[n++] = l->peer[i].port;
		if (l->count > 1) { /* the plaintext buffer is reused: seal one by one */
			l->aead.provider->seal(l->aead.ctx, &job[n - 1], 1);
		}
	}
	if (l->count == 1)
		l->aead.provider->seal(l->aead.ctx, job, n);
	for (uint32_t k = 0; k < n; k++) {
		uint64_t base = esc_frame_addr(&l->frames, frame[k]) + MSG_OFFSET;
		uint32_t len = padded + WG_DATA_OVERHEAD;

		l->path.local_port = port[k];
		uint32_t head = outer_write(l->frames.base + base, len, &l->path, 0, 0);
		if (esc_xsk_send(&l->xsk, base - head, head + len))
			l->sent++;
		else
			esc_frame_free(&l->frames, frame[k], ESC_PLACE_busy);
	}
	esc_xsk_kick(&l->xsk);
}

/* --- main ------------------------------------------------------------------------------------ */

/* Negative seconds: at most that long, and only until all have sessions. */
static int run(struct load *l, double seconds)
{
	struct pollfd *fds = calloc(l->count, sizeof(*fds));
	double begin = load_seconds(), all = 0, end = begin + (seconds < 0 ? -seconds : seconds);

	if (!fds)
		return 1;
	for (uint32_t i = 0; i < l->count; i++)
		fds[i] = (struct pollfd){.fd = l->peer[i].fd, .events = POLLIN};
	while (load_seconds() < end && !(seconds < 0 && all > 0)) {
		bool sending = l->device && l->sessions == l->count;

		poll(fds, l->count, sending ? 0 : 10);
		for (uint32_t i = 0; i < l->count; i++)
			receive(l, &l->peer[i]);
		if (!all && l->sessions == l->count)
			all = load_seconds() - begin;
		for (int k = 0; sending && k < 64; k++)
			send_batch(l);
	}
	printf("{\"sessions\":%u,\"peers\":%u,\"all_sessions_s\":%.3f,\"sent\":%llu}\n",
	       l->sessions, l->count, all, (unsigned long long)l->sent);
	free(fds);
	return l->sessions == l->count ? 0 : 1;
}

/*
 * peer SEED COUNT NODE-IP NODE-PORT NODE-PUBLIC-KEY SECONDS|-SECONDS [PROVIDER]
 *      [DEV IP-LENGTH NODE-MAC OWN-MAC OWN-IP]
 */
int load_peer(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	char why[256] = "";

	if (!l || argc < 7) {
		fprintf(stderr, "usage: load peer SEED COUNT NODE-IP NODE-PORT NODE-KEY SECONDS "
				"[PROVIDER [DEV LENGTH NODE-MAC OWN-MAC OWN-IP]]\n");
		return 2;
	}
	l->count = (uint32_t)strtoul(argv[2], NULL, 10);
	l->node.sin_family = AF_INET;
	l->node.sin_port = htons((uint16_t)strtoul(argv[4], NULL, 10));
	if (!l->count || l->count > PEERS_MAX ||
	    inet_pton(AF_INET, argv[3], &l->node.sin_addr) != 1 ||
	    !esc_key_from_base64(l->node_key, argv[5]))
		return 2;
	esc_addr_from_v4(l->endpoint.addr, &l->node.sin_addr);
	l->endpoint.port = ntohs(l->node.sin_port);
	if (esc_aead_select(&l->aead, argc > 7 ? argv[7] : "auto", why)) {
		fprintf(stderr, "load peer: %s\n", why);
		return 1;
	}
	l->peer = calloc(l->count, sizeof(*l->peer));
	for (uint32_t i = 0; i < l->count; i++) {
		if (!l->peer || open_peer(l, (uint32_t)strtoul(argv[1], NULL, 10), i)) {
			perror("load peer");
			return 1;
		}
	}
	if (argc > 12) {
		l->device = argv[8];
		l->size = (uint32_t)strtoul(argv[9], NULL, 10);
		if (l->size < 28 || l->size > 1420 || open_sender(l, argv[10], argv[11], argv[12]))
			return 1;
	}
	return run(l, strtod(argv[6], NULL));
}
