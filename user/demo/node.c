/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "demo/demo.h"

#define READY_MS 60000u

/*
 * The file of a node. Keys only go into the one in DEMO_RUN_DIR; the artefact says that they were
 * there. peer: the other site's number.
 */
static int write_config(const struct demo *d, int site, int peer, const char *path,
			const char *private_key, const char *psk)
{
	const struct demo_site *s = &demo_site[site], *p = &demo_site[peer];
	char public[ESC_KEY_B64];
	FILE *f;

	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	setvbuf(f, NULL, _IONBF, 0); /* no copy of a key stays in a buffer */
	fprintf(f,
		"[Interface]\nPrivateKey = %s\nListenPort = %d\n\n"
		"[Node]\nName = demo-%s\nMode = encryptor\nLsm = off\nBlack = black0\nRed = red0\n"
		"Queues = 1\nProvider = auto\nState = %s/%s.state\n\n"
		"[Peer]\nName = %s\nPublicKey = %s\nPresharedKey = %s\n"
		"AllowedIPs = %s, %s\nEndpoint = %s:%d\n",
		private_key, DEMO_PORT, s->name, DEMO_RUN_DIR, s->name, p->name,
		esc_key_to_base64(public, d->node[peer].public_key), psk, p->lan4, p->lan6,
		p->black4, DEMO_PORT);
	int bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}

static int write_configs(struct demo *d)
{
	uint8_t key[DEMO_SITES][ESC_KEY_LEN], psk[ESC_KEY_LEN];
	char text[ESC_KEY_B64], psk_text[ESC_KEY_B64], path[DEMO_PATH + 32];
	int err = 0;

	randombytes_buf(psk, sizeof(psk));
	esc_key_to_base64(psk_text, psk);
	for (int i = 0; i < DEMO_SITES; i++) {
		randombytes_buf(key[i], sizeof(key[i]));
		esc_key_public(d->node[i].public_key, key[i]);
	}
	for (int i = 0; i < DEMO_SITES && !err; i++) {
		esc_key_to_base64(text, key[i]);
		snprintf(path, sizeof(path), "%s/%s.conf", DEMO_RUN_DIR, demo_site[i].name);
		err = write_config(d, i, !i, path, text, psk_text);
		snprintf(path, sizeof(path), "%s/%s.conf", d->dir, demo_site[i].name);
		err = err ? err : write_config(d, i, !i, path, "(removed)", "(removed)");
		snprintf(path, sizeof(path), "%s/%s.state", DEMO_RUN_DIR, demo_site[i].name);
		if (!err && mkdir(path, 0700))
			err = -errno;
	}
	sodium_memzero(key, sizeof(key));
	sodium_memzero(psk, sizeof(psk));
	sodium_memzero(text, sizeof(text));
	sodium_memzero(psk_text, sizeof(psk_text));
	return err;
}

/* systemd's protocol: the node sends READY=1 when packets pass. */
static int ready_socket(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (!bind(fd, (const struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

static int start_node(struct demo *d, int i)
{
	const struct demo_site *s = &demo_site[i];
	struct demo_node *n = &d->node[i];
	char self[256], ready[64], log[DEMO_PATH + 32];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return -errno;
	self[len] = '\0';
	if (strchr(self, ' ')) {
		fprintf(stderr, "\nesclusa demo: cannot run '%s': a blank in its path\n", self);
		return -EINVAL;
	}
	snprintf(ready, sizeof(ready), "%s/%s.ready", DEMO_RUN_DIR, s->name);
	snprintf(log, sizeof(log), "%s/%s.log", d->dir, s->name);
	n->ready = ready_socket(ready);
	if (n->ready < 0)
		return n->ready;
	n->job.survive = d->keep;
	if (setenv("NOTIFY_SOCKET", ready, 1))
		return -errno;
	int err = exec_start(&n->job, s->node_ns, log, "%s run %s/%s.conf", self, DEMO_RUN_DIR,
			     s->name);
	unsetenv("NOTIFY_SOCKET");
	return err;
}

static void show_log(const struct demo *d, int i)
{
	char path[DEMO_PATH + 32], text[4096] = "";

	snprintf(path, sizeof(path), "%s/%s.log", d->dir, demo_site[i].name);
	exec_read(path, text, sizeof(text));
	fprintf(stderr, "\nesclusa demo: node %s did not start; it said:\n%s", demo_site[i].name,
		text);
}

/* A node also reports STATUS=…; only READY=1 counts. */
static int await_node(struct demo *d, int i)
{
	struct demo_node *n = &d->node[i];
	char said[256];

	for (unsigned int ms = 0; ms < READY_MS; ms += 50) {
		ssize_t len = recv(n->ready, said, sizeof(said) - 1, 0);

		if (len > 0) {
			said[len] = '\0';
			if (strstr(said, "READY=1"))
				return 0;
			continue;
		}
		if (!exec_running(&n->job))
			break;
		if (exec_sleep(50))
			return -EINTR;
	}
	show_log(d, i);
	return -EIO;
}

int node_up(struct demo *d)
{
	int err = write_configs(d);

	if (err)
		fprintf(stderr, "\nesclusa demo: cannot write the nodes' files: %s\n",
			strerror(-err));
	for (int i = 0; i < DEMO_SITES && !err; i++)
		err = start_node(d, i);
	for (int i = 0; i < DEMO_SITES && !err; i++)
		err = await_node(d, i);
	return err;
}

void node_down(struct demo *d)
{
	for (int i = 0; i < DEMO_SITES; i++) {
		struct demo_node *n = &d->node[i];

		if (n->job.pid)
			n->exit_code = exec_stop(&n->job);
		if (n->ready > 0)
			close(n->ready);
		n->ready = 0;
	}
}
