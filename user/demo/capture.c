/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.c: tcpdump's files and what is in them. Two kinds of capture: everything, while the
 * planted plaintext travels; and, for the whole run, only frames that have no business on a black
 * wire: the kernel's filter drops the rest, so that it costs no throughput.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo/demo.h"

#define FRAME_MAX 65536u

/* Neither ARP, nor ND (solicitation, advertisement), nor UDP with a WireGuard message in it. */
#define STRANGERS                                                                                  \
	"not arp and not (icmp6 and (ip6[40] == 135 or ip6[40] == 136)) and not (udp port 51820"   \
	" and udp[8] >= 1 and udp[8] <= 4)"

static void file_name(const struct demo *d, const char *what, char *path, size_t size)
{
	snprintf(path, size, "%s/%s.pcap", d->dir, what);
}

/* device: with the direction; frames that XDP takes are only seen at the cable's other end. */
static int start(struct demo *d, struct exec_job *job, const char *ns, const char *device,
		 const char *what, const char *filter)
{
	char path[DEMO_PATH + 32], log[DEMO_PATH + 32], text[512] = "";

	file_name(d, what, path, sizeof(path));
	snprintf(log, sizeof(log), "%s/%s.log", d->dir, what);
	int err = exec_start(job, ns, log,
			     "tcpdump -i %s --immediate-mode -s 0 -B 16384 -U -w %s%s%s", device,
			     path, *filter ? " " : "", filter);
	for (int i = 0; i < 400 && !err && exec_running(job); i++) {
		if (!exec_read(log, text, sizeof(text)) && strstr(text, "listening on"))
			return 0;
		err = exec_sleep(50);
	}
	if (!err || err != -EINTR)
		fprintf(stderr, "\nesclusa demo: tcpdump did not start: %s\n",
			err ? strerror(-err) : text);
	return err ? err : -EIO;
}

/* What the nodes send into the internet, and nothing of the router's own. */
static int start_black(struct demo *d, struct demo_captures *c, const char *what,
		       const char *filter)
{
	int err = 0;

	for (int i = 0; i < DEMO_SITES && !err; i++) {
		char device[32], file[32];

		snprintf(device, sizeof(device), "%s -Q in", demo_site[i].wire);
		snprintf(file, sizeof(file), "%s-%c", what, 'a' + i);
		err = start(d, &c->job[i], DEMO_NET, device, file, filter);
	}
	return err;
}

int capture_start(struct demo *d, struct demo_captures *c)
{
	int err = start_black(d, c, "wire", "");

	return err ? err : start(d, &c->job[DEMO_SITES], demo_site[0].lan_ns, "lan0", "lan-a", "");
}

int capture_strangers(struct demo *d, struct demo_captures *c)
{
	return start_black(d, c, "strangers", STRANGERS);
}

void capture_stop(struct demo_captures *c)
{
	exec_sleep(300); /* the last packets are on their way to tcpdump */
	for (size_t i = 0; i < sizeof(c->job) / sizeof(c->job[0]); i++)
		exec_stop(&c->job[i]);
}

/* --- reading
 * ---------------------------------------------------------------------------------------- */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void count_udp(const uint8_t *udp, size_t len, struct demo_wire *w)
{
	static const size_t exact[] = {[1] = 148, [2] = 92, [3] = 64};

	if (len < 8 + 4 || (get16(udp) != DEMO_PORT && get16(udp + 2) != DEMO_PORT) ||
	    get16(udp + 4) != len || udp[9] || udp[10] || udp[11]) {
		w->other++;
		return;
	}
	const uint8_t type = udp[8];
	if (type >= 1 && type <= 3 && len - 8 == exact[type])
		*(type == 3 ? &w->cookie : &w->handshake) += 1;
	else if (type == 4 && len - 8 >= 32)
		w->data++;
	else
		w->other++;
}

static void count_frame(const uint8_t *f, size_t len, struct demo_wire *w)
{
	const uint8_t *ip = f + 14;
	uint16_t type = len >= 14 ? get16(f + 12) : 0;

	if (type == 0x0806) {
		w->arp++;
	} else if (type == 0x0800 && len >= 14 + 20 && ip[0] == 0x45 && ip[9] == 17 &&
		   !(get16(ip + 6) & 0x3fff) && get16(ip + 2) >= 20 && get16(ip + 2) <= len - 14) {
		count_udp(ip + 20, get16(ip + 2) - 20u, w);
	} else if (type == 0x86dd && len > 14 + 40 && ip[6] == 17 && get16(ip + 4) <= len - 54) {
		count_udp(ip + 40, get16(ip + 4), w);
	} else if (type == 0x86dd && len > 14 + 40 && ip[6] == 58 &&
		   (ip[40] == 135 || ip[40] == 136)) {
		w->nd++;
	} else {
		w->other++;
	}
}

static uint32_t get32(const uint8_t *p, bool little)
{
	return little ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				(uint32_t)p[3] << 24
		      : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The classic file format: a 24-byte header, then a 16-byte header before each frame. */
static int read_frames(FILE *f, uint8_t *frame, const char *marker, struct demo_wire *w)
{
	static const uint8_t little_magic[2][4] = {{0xd4, 0xc3, 0xb2, 0xa1},
						   {0x4d, 0x3c, 0xb2, 0xa1}};
	uint8_t head[24], record[16];

	if (fread(head, 1, sizeof(head), f) != sizeof(head))
		return -EIO;
	bool little = !memcmp(head, little_magic[0], 4) || !memcmp(head, little_magic[1], 4);
	if (get32(head + 20, little) != 1) /* LINKTYPE_ETHERNET */
		return -EINVAL;
	for (;;) {
		size_t got = fread(record, 1, sizeof(record), f);
		if (!got && feof(f))
			return 0;
		uint32_t len = get32(record + 8, little);
		if (got != sizeof(record) || len > FRAME_MAX || len != get32(record + 12, little) ||
		    fread(frame, 1, len, f) != len)
			return -EIO; /* cut short: what was not captured was not seen */
		w->bytes += len;
		count_frame(frame, len, w);
		w->marker += memmem(frame, len, marker, strlen(marker)) != NULL;
	}
}

static int read_file(const struct demo *d, const char *what, struct demo_wire *w)
{
	char path[DEMO_PATH + 32];
	uint8_t *frame = malloc(FRAME_MAX);

	if (!frame)
		return -ENOMEM;
	file_name(d, what, path, sizeof(path));
	FILE *f = fopen(path, "re");
	int err = f ? read_frames(f, frame, d->marker, w) : -errno;
	if (f)
		fclose(f);
	free(frame);
	if (err)
		fprintf(stderr, "\nesclusa demo: cannot read the capture %s: %s\n", path,
			strerror(-err));
	return err;
}

/* tcpdump says at its end how many frames the kernel could not hand to it. */
static bool nothing_missed(const struct demo *d, const char *what)
{
	char path[DEMO_PATH + 32], text[1024] = "";

	snprintf(path, sizeof(path), "%s/%s.log", d->dir, what);
	return !exec_read(path, text, sizeof(text)) &&
	       strstr(text, "\n0 packets dropped by kernel");
}

int capture_read(struct demo *d)
{
	static const char *const files[] = {"wire-a", "wire-b", "lan-a", "strangers-a",
					    "strangers-b"};
	struct demo_wire strange = {0};
	struct demo_wire *into[] = {&d->wire, &d->wire, &d->lan, &strange, &strange};
	int err = 0;

	d->wire_complete = true;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !err; i++) {
		err = read_file(d, files[i], into[i]);
		d->wire_complete = d->wire_complete && !err && nothing_missed(d, files[i]);
	}
	d->strangers = strange.handshake + strange.cookie + strange.data + strange.arp +
		       strange.nd + strange.other;
	return err;
}
