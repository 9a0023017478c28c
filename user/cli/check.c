/* SPDX-License-Identifier: BSD-2-Clause */
/* check.c: esclusa check FILE: is it valid, and what does it mean? Starts and changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/json.h"
#include "cli/cli.h"
#include "control/access.h"
#include "control/audit.h"
#include "control/config.h"
#include "cli/check_split.h"
#include "control/plan.h"
#include "keystore/keystore.h"

static const char help[] =
	"Usage: esclusa check FILE [-j]\n"
	"\n"
	"Validates a node's configuration file and prints what the node would be: no secrets.\n"
	"All mistakes are listed as FILE:LINE: what is wrong and what was expected. The NICs\n"
	"that the file names are looked at as well, and what is public in its key store.\n"
	"Nothing is started and nothing changes.\n"
	"  -j, --json   print the plan as JSON\n"
	"Exit codes: 0 the node can run, 1 the machine lacks something (or the file cannot be\n"
	"read), 2 the file has mistakes.\n";

/* --- for people ----------------------------------------------------------------------------------
 */

static void print_row(const char *name, const char *value)
{
	printf("  %-15s %s\n", name, value);
}

static void print_limit(const char *name, uint32_t rate, uint32_t burst)
{
	printf("  %-15s %u/s, burst %u\n", name, rate, burst);
}

static void print_guard(const struct esc_defence *d)
{
	const struct esc_limits *l = &d->limits;

	puts("\nguard");
	printf("  %-15s %u/s on each core\n", "mac1 checks", l->mac_rate);
	print_limit("source", l->source_rate, l->source_burst);
	print_limit("all sources", l->total_rate, l->total_burst);
	print_limit("cookies", l->cookie_rate, l->cookie_burst);
	print_limit("known source", l->known_rate, l->known_burst);
	print_limit("neighbour", l->neighbour_rate, l->neighbour_burst);
	printf("  %-15s %u\n  %-15s", "sources", d->sources, "threshold");
	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++) {
		if (d->detect.threshold[k])
			printf(" %s=%u", esc_detect_id(k), d->detect.threshold[k]);
		else
			printf(" %s=auto", esc_detect_id(k));
	}
	printf("\n  %-15s after %u s; calm after %u s\n", "alarm", d->detect.alarm_after,
	       d->detect.calm_after);
}

static void print_node(const struct esc_model *m)
{
	char audit[ESC_AUDIT_PATH], key[ESC_KEY_B64];

	printf("node %s\n", m->name);
	print_row("mode", esc_mode_name(m->mode));
	print_row("public key",
		  m->has_key ? esc_key_to_base64(key, m->public_key) : "(in the key store)");
	if (*m->keystore)
		print_row("key store", m->keystore);
	printf("  %-15s %u\n", "listen port", m->listen_port);
	print_row("black", m->black);
	if (m->split.dhcp)
		print_row("black address", "by DHCP");
	print_row("red", m->red);
	printf("  %-15s %u\n", "queues", m->queues);
	print_row("provider", m->provider);
	print_row("state", m->state_dir);
	if (m->red_user[0])
		print_row("red user", m->red_user);
	if (m->crypto_user[0])
		print_row("crypto user", m->crypto_user);
	esc_audit_path(audit, m->audit, m->state_dir, m->name);
	print_row("audit log", audit);
	print_row("admins", m->admins[0] ? m->admins : "root");
	if (m->monitors[0])
		print_row("monitors", m->monitors);
	print_guard(&m->defence);
}

static void print_peer(const struct esc_model *m, const struct esc_peer *p)
{
	char key[ESC_KEY_B64], ep[ESC_EP_STR], prefix[ESC_PREFIX_STR];
	const struct esc_prefix *x;
	uint32_t cursor = 0;

	printf("\npeer%s%s\n", p->name[0] ? " " : "", p->name);
	print_row("public key", esc_key_to_base64(key, p->public_key));
	print_row("preshared key", p->has_psk ? "yes" : "no");
	print_row("endpoint", p->endpoint_port
				      ? esc_endpoint_format(p->endpoint, p->endpoint_port, ep)
				      : "learned from the peer");
	printf("  %-15s", "allowed ips");
	while ((x = esc_model_prefix_next(m, p->id, &cursor)))
		printf(" %s", esc_prefix_format(x->addr, x->len, prefix));
	puts(p->prefixes ? "" : " none");
	if (p->keepalive)
		printf("  %-15s every %u s\n", "keepalive", p->keepalive);
}

/* --- for programs --------------------------------------------------------------------------------
 */

static void json_peer(struct esc_json *j, const struct esc_model *m, const struct esc_peer *p)
{
	char key[ESC_KEY_B64], ep[ESC_EP_STR], prefix[ESC_PREFIX_STR];
	const struct esc_prefix *x;
	uint32_t cursor = 0;

	esc_json_object(j, NULL);
	esc_json_str(j, "name", p->name[0] ? p->name : NULL);
	esc_json_str(j, "public_key", esc_key_to_base64(key, p->public_key));
	esc_json_bool(j, "preshared_key", p->has_psk);
	esc_json_str(j, "endpoint",
		     p->endpoint_port ? esc_endpoint_format(p->endpoint, p->endpoint_port, ep)
				      : NULL);
	esc_json_u64(j, "persistent_keepalive", p->keepalive);
	esc_json_array(j, "allowed_ips");
	while ((x = esc_model_prefix_next(m, p->id, &cursor)))
		esc_json_str(j, NULL, esc_prefix_format(x->addr, x->len, prefix));
	esc_json_end(j);
	esc_json_end(j);
}

static void json_guard(struct esc_json *j, const struct esc_defence *d)
{
	const struct esc_limits *l = &d->limits;

	esc_json_object(j, "guard");
	esc_json_u64(j, "mac_rate", l->mac_rate);
	esc_json_u64(j, "source_rate", l->source_rate);
	esc_json_u64(j, "source_burst", l->source_burst);
	esc_json_u64(j, "total_rate", l->total_rate);
	esc_json_u64(j, "total_burst", l->total_burst);
	esc_json_u64(j, "cookie_rate", l->cookie_rate);
	esc_json_u64(j, "cookie_burst", l->cookie_burst);
	esc_json_u64(j, "known_rate", l->known_rate);
	esc_json_u64(j, "known_burst", l->known_burst);
	esc_json_u64(j, "neighbour_rate", l->neighbour_rate);
	esc_json_u64(j, "neighbour_burst", l->neighbour_burst);
	esc_json_u64(j, "sources", d->sources);
	esc_json_object(j, "threshold"); /* 0: auto */
	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++)
		esc_json_u64(j, esc_detect_id(k), d->detect.threshold[k]);
	esc_json_end(j);
	esc_json_u64(j, "alarm_after", d->detect.alarm_after);
	esc_json_u64(j, "calm_after", d->detect.calm_after);
	esc_json_end(j);
}

static void json_node(struct esc_json *j, const struct esc_model *m, bool nics_ok)
{
	char audit[ESC_AUDIT_PATH], key[ESC_KEY_B64];

	esc_json_str(j, "name", m->name);
	esc_json_str(j, "mode", esc_mode_name(m->mode));
	esc_json_str(j, "public_key", m->has_key ? esc_key_to_base64(key, m->public_key) : NULL);
	esc_json_str(j, "keystore", *m->keystore ? m->keystore : NULL);
	esc_json_u64(j, "listen_port", m->listen_port);
	esc_json_str(j, "black", m->black);
	esc_json_str(j, "red", m->red);
	esc_json_bool(j, "dhcp", m->split.dhcp);
	esc_json_bool(j, "nics_ok", nics_ok);
	esc_json_u64(j, "queues", m->queues);
	esc_json_str(j, "provider", m->provider);
	esc_json_str(j, "state", m->state_dir);
	esc_json_str(j, "red_user", m->red_user[0] ? m->red_user : NULL);
	esc_json_str(j, "crypto_user", m->crypto_user[0] ? m->crypto_user : NULL);
	esc_json_str(j, "audit", esc_audit_path(audit, m->audit, m->state_dir, m->name));
	esc_json_str(j, "admins", m->admins[0] ? m->admins : NULL);
	esc_json_str(j, "monitors", m->monitors[0] ? m->monitors : NULL);
	json_guard(j, &m->defence);
}

static void print_json(const struct esc_model *m, bool nics_ok)
{
	struct esc_json j;

	esc_json_init(&j, stdout);
	esc_json_object(&j, NULL);
	json_node(&j, m, nics_ok);
	esc_json_array(&j, "peers");
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(m, id);

		if (p)
			json_peer(&j, m, p);
	}
	esc_json_end(&j);
	check_split_json(&j, m);
	esc_json_end(&j);
	esc_json_finish(&j);
}

static void print_text(const struct esc_model *m)
{
	print_node(m);
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(m, id);

		if (p)
			print_peer(m, p);
	}
	check_split_text(m);
}

/* The key store's public parts: form, permissions, public key. */
static int check_keystore(struct esc_model *m)
{
	char why[ESC_KEYSTORE_WHY];
	struct esc_keystore ks;

	if (!*m->keystore)
		return ESC_EXIT_OK;
	if (esc_keystore_read(&ks, m->keystore, why)) {
		fprintf(stderr, "%s:%u: Keystore: %s\n", m->file, m->keystore_line, why);
		return ESC_EXIT_FAILED;
	}
	const uint8_t *key = ks.image.header.public_key;
	const struct esc_peer *self = esc_model_find(m, key);
	if (self)
		fprintf(stderr,
			"%s:%u: Keystore: its public key is also that of a peer in this file: "
			"expected another one\n",
			m->file, m->keystore_line);
	else
		esc_model_set_public_key(m, key);
	return self ? ESC_EXIT_USAGE : ESC_EXIT_OK;
}

static int check(const char *file, bool json)
{
	struct esc_access access;
	struct esc_model *m;
	int code = esc_config_load(file, stderr, &m);

	if (code)
		return code;
	int keystore = check_keystore(m), nics = esc_plan_nics(m, stderr);
	code = nics | esc_access_resolve(&access, m, stderr);
	if (keystore)
		code = keystore;
	if (json)
		print_json(m, !nics);
	else
		print_text(m);
	esc_model_free(m);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "esclusa check: cannot write the plan to standard output: %s\n",
			strerror(errno));
		return ESC_EXIT_FAILED;
	}
	return code;
}

int cmd_check(int argc, char **argv)
{
	int code = cli_common(argc, argv, help);
	const char *file = NULL;
	bool json = false, options = true;

	if (code >= 0)
		return code;
	for (int i = 1; i < argc; i++) {
		if (options && !strcmp(argv[i], "--"))
			options = false;
		else if (options && (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json")))
			json = true;
		else if (options && argv[i][0] == '-' && argv[i][1])
			return cli_usage("check", help, "unknown option '%s'", argv[i]);
		else if (file)
			return cli_usage("check", help, "'%s': expected one FILE only", argv[i]);
		else
			file = argv[i];
	}
	if (!file)
		return cli_usage("check", help, "expected a FILE");
	return check(file, json);
}
