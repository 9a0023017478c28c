/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/model_reload.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* --- what needs a restart --------------------------------------------------------------------- */

static void needs(char restart[ESC_RESTART_MAX], bool differs, const char *key)
{
	size_t len = strlen(restart);

	if (differs)
		snprintf(restart + len, ESC_RESTART_MAX - len, "%s%s", len ? ", " : "", key);
}

static void list_restarts(const struct esc_model *a, const struct esc_model *b,
			  char restart[ESC_RESTART_MAX])
{
	*restart = '\0';
	needs(restart, strcmp(a->keystore, b->keystore), "Keystore");
	needs(restart,
	      !*a->keystore && !*b->keystore &&
		      memcmp(a->public_key, b->public_key, ESC_KEY_LEN) != 0,
	      "PrivateKey");
	needs(restart, strcmp(a->name, b->name), "Name");
	needs(restart, a->mode != b->mode, "Mode");
	needs(restart, strcmp(a->black, b->black), "Black");
	needs(restart, strcmp(a->red, b->red), "Red");
	needs(restart, a->queues != b->queues, "Queues");
	needs(restart, strcmp(a->provider, b->provider), "Provider");
	needs(restart, strcmp(a->state_dir, b->state_dir), "State");
	needs(restart, strcmp(a->red_user, b->red_user), "RedUser");
	needs(restart, strcmp(a->crypto_user, b->crypto_user), "CryptoUser");
	needs(restart, a->waived != b->waived, "Sandbox");
	needs(restart, a->lsm != b->lsm, "Lsm");
	needs(restart, strcmp(a->admins, b->admins), "Admins");
	needs(restart, strcmp(a->monitors, b->monitors), "Monitors");
	needs(restart, strcmp(a->audit, b->audit), "Audit");
	needs(restart, memcmp(&a->defence, &b->defence, sizeof(a->defence)), "[Guard]");
	needs(restart, a->split.connections != b->split.connections, "Connections");
}

/* --- peers ------------------------------------------------------------------------------------ */

static void batch_prefixes(struct esc_batch *b, const struct esc_model *now,
			   const struct esc_peer *old, const struct esc_model *file,
			   const struct esc_peer *new)
{
	const struct esc_prefix *p;
	uint32_t cursor = 0;

	while ((p = esc_model_prefix_next(file, new->id, &cursor)))
		if (!old || esc_model_prefix_owner(now, p) != old->id)
			esc_batch_prefix(b, p, true);
	cursor = 0;
	while (old && (p = esc_model_prefix_next(now, old->id, &cursor)))
		if (esc_model_prefix_owner(file, p) != new->id)
			esc_batch_prefix(b, p, false);
}

static void batch_peer(struct esc_batch *b, const struct esc_model *now,
		       const struct esc_model *file, const struct esc_peer *new)
{
	static const uint8_t none[ESC_KEY_LEN];
	const struct esc_peer *old = esc_model_find(now, new->public_key);
	const uint8_t *had = old ? esc_model_psk(now, old->id) : none;
	const uint8_t *psk = esc_model_psk(file, new->id);

	esc_batch_peer(b, new->public_key);
	if (sodium_memcmp(psk, had, ESC_KEY_LEN))
		esc_batch_psk(b, psk);
	if (new->endpoint_port &&
	    (!old || old->endpoint_port != new->endpoint_port ||
	     memcmp(old->endpoint, new->endpoint, sizeof(old->endpoint)) != 0))
		esc_batch_endpoint(b, new->endpoint, new->endpoint_port);
	if (new->keepalive != (old ? old->keepalive : 0))
		esc_batch_keepalive(b, new->keepalive);
	batch_prefixes(b, now, old, file, new);
}

static struct esc_batch *make_batch(const struct esc_model *now, const struct esc_model *file)
{
	struct esc_batch *b = esc_batch_new();

	if (!b)
		return NULL;
	if (file->listen_port != now->listen_port)
		esc_batch_listen_port(b, file->listen_port);
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(now, id);

		if (p && !esc_model_find(file, p->public_key)) {
			esc_batch_peer(b, p->public_key);
			esc_batch_peer_flag(b, ESC_BATCH_REMOVE);
		}
	}
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(file, id);

		if (p)
			batch_peer(b, now, file, p);
	}
	return b;
}

/* --- the rest --------------------------------------------------------------------------------- */

static void take_names(struct esc_model *next, const struct esc_model *file)
{
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		struct esc_peer *p = esc_model_peer_edit(next, id);
		const struct esc_peer *new = p ? esc_model_find(file, p->public_key) : NULL;

		if (new)
			memcpy(p->name, new->name, sizeof(p->name));
	}
}

/* In another mode [Split] means something else: it waits for the restart. */
static void take_split(struct esc_model *next, const struct esc_model *file)
{
	const struct esc_split_conf old = next->split;

	next->split = file->split;
	if (next->mode != file->mode) {
		next->split = old;
		next->split.secure = file->split.secure;
		memcpy(next->split.secure_line, file->split.secure_line,
		       sizeof(next->split.secure_line));
	}
	next->split.connections = old.connections;
	next->split.dhcp = file->split.dhcp;
}

static void take_lines(struct esc_model *next, const struct esc_model *file)
{
	next->black_line = file->black_line;
	next->red_line = file->red_line;
	next->queues_line = file->queues_line;
	next->provider_line = file->provider_line;
	next->keystore_line = file->keystore_line;
	next->admins_line = file->admins_line;
	next->monitors_line = file->monitors_line;
	memcpy(next->digest, file->digest, sizeof(next->digest));
}

int esc_model_reload(const struct esc_model *now, const struct esc_model *file,
		     struct esc_model **next, char restart[ESC_RESTART_MAX], struct esc_reason *why)
{
	struct esc_batch *b = make_batch(now, file);

	*next = NULL;
	list_restarts(now, file, restart);
	if (!b) {
		snprintf(why->text, sizeof(why->text), "out of memory");
		return -ENOMEM;
	}
	int err = esc_model_stage(now, b, next, why);
	esc_batch_free(b);
	if (err)
		return err;
	take_names(*next, file);
	take_split(*next, file);
	take_lines(*next, file);
	return 0;
}
