/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stock `wg` tool against the protocol's code: a server in this process, under a name of its
 * own in wg's directory. Skipped, with the cause, where wg or the right to make that socket is
 * missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "control/uapi.h"

#define WG_DIR	   "/var/run/wireguard"
#define TIMEOUT_MS 10000

#define KEY1	   "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY2	   "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PRIV	   "CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEA="

static struct {
	int fd;
	char name[16], path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct esc_model *m;
	char output[8192]; /* what wg printed, both streams */
	struct esc_reason why;
	unsigned int sets;
	bool made_dir;
} srv = {.fd = -1};

static const uint8_t key1[32] = {1}, key2[32] = {2};

/* --- the server
 * --------------------------------------------------------------------------------------- */

static void live(void *arg, uint32_t id, struct esc_uapi_live *out)
{
	(void)arg;
	(void)id;
	out->rx_bytes = 1024;
	out->tx_bytes = 2048;
	out->last_handshake = 1700000000ull * 1000000000ull;
}

static int apply(const char *request, size_t len)
{
	struct esc_model *next;
	struct esc_reason stage_why;
	struct esc_batch *b;
	int err = esc_uapi_set(request, len, &b, &srv.why);

	if (!err)
		err = esc_model_stage(srv.m, b, &next, &stage_why);
	esc_batch_free(b);
	if (err)
		return err;
	esc_model_free(srv.m);
	srv.m = next;
	return 0;
}

static void answer(int fd, const char *request, size_t len)
{
	enum esc_uapi_verb verb = esc_uapi_verb(request, len);
	char text[ESC_UAPI_ERRNO_MAX];

	if (verb == ESC_UAPI_GET) {
		size_t n;
		char *reply = esc_uapi_get(srv.m, live, NULL, &n);

		assert_non_null(reply);
		assert_int_equal(send(fd, reply, n, MSG_NOSIGNAL), (ssize_t)n);
		esc_uapi_reply_free(reply);
		return;
	}
	srv.sets++;
	size_t n = esc_uapi_errno(text, verb, apply(request, len));
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void serve(int fd)
{
	struct esc_uapi_rx rx = {0};
	char bytes[16]; /* small: requests come in many pieces */
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		const char *request;
		size_t len;

		assert_int_equal(esc_uapi_rx_add(&rx, bytes, (size_t)n), 0);
		while ((request = esc_uapi_rx_next(&rx, &len)))
			answer(fd, request, len);
	}
	assert_false(esc_uapi_rx_pending(&rx));
	esc_uapi_rx_free(&rx);
	close(fd);
}

static pid_t start_wg(char *const argv[], int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		setenv("WG_COLOR_MODE", "never", 1);
		execvp("wg", argv);
		_exit(127);
	}
	return pid;
}

/* Runs wg, serves what it asks, returns its exit status. */
static int wg(char *const argv[])
{
	int out[2], status = -1;
	size_t len = 0;
	ssize_t n = 1;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = start_wg(argv, out[1]);
	assert_true(pid > 0);
	close(out[1]);
	while (n > 0) {
		struct pollfd p[2] = {{.fd = srv.fd, .events = POLLIN},
				      {.fd = out[0], .events = POLLIN}};

		assert_true(poll(p, 2, TIMEOUT_MS) > 0);
		if (p[0].revents & POLLIN)
			serve(accept4(srv.fd, NULL, NULL, SOCK_CLOEXEC));
		if (!(p[1].revents & (POLLIN | POLLHUP)))
			continue;
		n = read(out[0], srv.output + len, sizeof(srv.output) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	srv.output[len] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define WG(...) wg((char *const[]){(char *)"wg", __VA_ARGS__, NULL})
#define A(s)	((char *)(uintptr_t)(s))

/* --- set-up
 * --------------------------------------------------------------------------------------------- */

static struct esc_model *one_peer(void)
{
	struct esc_model *m = esc_model_new();
	struct esc_prefix p = {.len = 104, .addr = {[10] = 0xff, [11] = 0xff, [12] = 10}};
	uint8_t priv[32] = {16};
	uint32_t id;

	esc_model_set_key(m, priv);
	assert_int_equal(esc_model_peer_add(m, key1, &id), 0);
	assert_int_equal(esc_model_prefix_add(m, id, &p), 0);
	return m;
}

static int set_up(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	(void)state;
	srv.m = one_peer();
	srv.sets = 0;
	snprintf(srv.name, sizeof(srv.name), "esc%d", (int)getpid());
	snprintf(srv.path, sizeof(srv.path), WG_DIR "/%s.sock", srv.name);
	memcpy(sa.sun_path, srv.path, sizeof(sa.sun_path));
	if (access("/usr/bin/wg", X_OK) || geteuid())
		return 0;
	srv.made_dir = !mkdir(WG_DIR, 0755);
	unlink(srv.path);
	srv.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(srv.fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(srv.fd, 4)) {
		close(srv.fd);
		srv.fd = -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (srv.fd >= 0) {
		close(srv.fd);
		unlink(srv.path);
		if (srv.made_dir)
			rmdir(WG_DIR); /* stays if anything else lives there by now */
	}
	srv.fd = -1;
	esc_model_free(srv.m);
	return 0;
}

static void need_wg(void)
{
	if (srv.fd >= 0)
		return;
	print_message("skipped: needs root, /usr/bin/wg and a writable " WG_DIR "\n");
	skip();
}

static void write_file(char path[32], const char *text)
{
	memcpy(path, "/tmp/esclusa-wg-XXXXXX", sizeof("/tmp/esclusa-wg-XXXXXX"));
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static uint32_t owner_of(const char *prefix)
{
	struct esc_prefix p = {.len = 0};

	assert_true(esc_prefix_parse(prefix, p.addr, &p.len));
	return esc_model_prefix_owner(srv.m, &p);
}

/* --- tests
 * -----------------------------------------------------------------------------------------------
 */

static void show_and_dump_and_showconf_work_without_the_private_key(void **state)
{
	char expected[256];

	(void)state;
	need_wg();
	assert_int_equal(WG(A("show"), srv.name), 0);
	assert_non_null(strstr(srv.output, "peer: " KEY1));
	assert_non_null(strstr(srv.output, "1.00 KiB received, 2.00 KiB sent"));
	assert_null(strstr(srv.output, "private key"));
	assert_int_equal(WG(A("show"), srv.name, A("dump")), 0);
	snprintf(expected, sizeof(expected),
		 "(none)\t(none)\t51820\toff\n" KEY1
		 "\t(none)\t(none)\t10.0.0.0/8\t1700000000\t1024\t2048\toff\n");
	assert_string_equal(srv.output, expected);
	assert_int_equal(WG(A("showconf"), srv.name), 0);
	assert_non_null(strstr(srv.output, "AllowedIPs = 10.0.0.0/8"));
	assert_null(strstr(srv.output, "PrivateKey"));
	assert_int_equal(WG(A("show"), A("interfaces")), 0);
	assert_non_null(strstr(srv.output, srv.name));
}

static void set_changes_peers_and_port(void **state)
{
	(void)state;
	need_wg();
	assert_int_equal(WG(A("set"), srv.name, A("listen-port"), A("4500"), A("peer"), A(KEY2),
			    A("endpoint"), A("192.0.2.7:99"), A("persistent-keepalive"), A("25"),
			    A("allowed-ips"), A("10.0.0.0/8,fd00::/8")),
			 0);
	const struct esc_peer *p = esc_model_find(srv.m, key2);
	assert_non_null(p);
	assert_int_equal(srv.m->listen_port, 4500);
	assert_int_equal(p->endpoint_port, 99);
	assert_int_equal(p->keepalive, 25);
	assert_int_equal(owner_of("10.0.0.0/8"), p->id); /* moved */
	assert_int_equal(WG(A("set"), srv.name, A("peer"), A(KEY2), A("remove")), 0);
	assert_null(esc_model_find(srv.m, key2));
	assert_int_equal(srv.sets, 2);
}

static void private_key_can_be_replaced_but_not_removed(void **state)
{
	char path[32];

	(void)state;
	need_wg();
	assert_int_equal(WG(A("set"), srv.name, A("private-key"), A("/dev/null")), 1);
	assert_non_null(strstr(srv.output, "Operation not permitted"));
	assert_int_equal(esc_model_private_key(srv.m)[0], 16);
	write_file(path, PRIV "\n");
	assert_int_equal(WG(A("set"), srv.name, A("private-key"), path), 0);
	assert_int_equal(esc_model_private_key(srv.m)[0], 8);
	unlink(path);
}

static void refused_set_shows_its_errno(void **state)
{
	(void)state;
	need_wg();
	assert_int_equal(WG(A("set"), srv.name, A("fwmark"), A("0x10"), A("peer"), A(KEY2)), 1);
	assert_non_null(strstr(srv.output, strerror(EOPNOTSUPP)));
	assert_null(esc_model_find(srv.m, key2));
}

static void syncconf_and_setconf_work_with_and_without_a_private_key(void **state)
{
	static const char *const verbs[] = {"syncconf", "setconf"};
	char with[32], without[32];

	(void)state;
	need_wg();
	write_file(with, "[Interface]\nPrivateKey = " PRIV
			 "\nListenPort = 4500\n[Peer]\nPublicKey = " KEY1
			 "\nAllowedIPs = 10.0.0.0/8, 10.1.0.0/16\n");
	write_file(without, "[Peer]\nPublicKey = " KEY2 "\nAllowedIPs = 10.0.0.0/8\n");
	for (size_t i = 0; i < 2; i++) {
		uint32_t id;

		assert_int_equal(WG(A(verbs[i]), srv.name, with), 0);
		assert_int_equal(srv.m->listen_port, 4500);
		assert_int_equal(esc_model_private_key(srv.m)[0], 8);
		assert_int_equal(srv.m->peers, 1);
		id = esc_model_find(srv.m, key1)->id;
		assert_int_equal(owner_of("10.1.0.0/16"), id);
		assert_int_equal(WG(A(verbs[i]), srv.name, with), 0);
		assert_int_equal(esc_model_find(srv.m, key1)->id, id);
		assert_int_equal(srv.m->touched, 0); /* the same key again ends no session */
		assert_int_equal(WG(A(verbs[i]), srv.name, without), 0);
		assert_non_null(strstr(srv.why.text, "keeps the one it has"));
		assert_int_equal(esc_model_private_key(srv.m)[0], 8);
		assert_int_equal(srv.m->listen_port, 4500);
		assert_null(esc_model_find(srv.m, key1));
		assert_int_equal(owner_of("10.0.0.0/8"), esc_model_find(srv.m, key2)->id);
	}
	unlink(with);
	unlink(without);
}

static void addconf_adds(void **state)
{
	char path[32];

	(void)state;
	need_wg();
	write_file(path, "[Peer]\nPublicKey = " KEY2 "\nAllowedIPs = 10.9.0.0/16\n");
	assert_int_equal(WG(A("addconf"), srv.name, path), 0);
	assert_int_equal(srv.m->peers, 2);
	unlink(path);
}

int main(void)
{
#define ONE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ONE(show_and_dump_and_showconf_work_without_the_private_key),
		ONE(set_changes_peers_and_port),
		ONE(private_key_can_be_replaced_but_not_removed),
		ONE(refused_set_shows_its_errno),
		ONE(syncconf_and_setconf_work_with_and_without_a_private_key),
		ONE(addconf_adds),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
