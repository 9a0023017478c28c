/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h: what a node is: its configuration as control holds it, and how it changes.
 *
 * A model is built from a file (config.h). A change is a batch of operations (esc_batch_*) that
 * esc_model_stage() applies to a copy: either all of it is possible and there is a next model, or
 * nothing happened. Control then walks the difference and, when crypto acknowledged it, replaces
 * the current model by the next one:
 *
 *	err = esc_model_stage(now, batch, &next, &why);
 *	esc_model_diff_prefixes(now, next, true, ...);	red must know what is secure first
 *	esc_model_diff_messages(now, next, ...);	crypto: batch, then ESC_MSG_COMMIT and ACK
 *	esc_model_diff_prefixes(now, next, false, ...);
 *	esc_model_free(now); now = next;
 *
 * Fields are for everyone to read and for model.c and config.c to write. The private key and the
 * preshared keys are in guarded memory (sodium_malloc), wiped when freed. One thread.
 */
#ifndef ESC_CONTROL_MODEL_H
#define ESC_CONTROL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/encode.h"
#include "control/defence.h"
#include "control/router.h"
#include "ipc/msg.h"
#include "sizes.h"

#define ESC_NIC_MAX	  15u /* IFNAMSIZ - 1 */
#define ESC_PROVIDER_MAX  255u
#define ESC_PATH_MAX	  255u
#define ESC_USER_MAX	  31u

#define ESC_DEFAULT_PORT  51820u
#define ESC_DEFAULT_STATE "/var/lib/esclusa"
#define ESC_NO_PEER	  UINT32_MAX

enum esc_mode { ESC_MODE_ENCRYPTOR, ESC_MODE_ROUTER };

const char *esc_mode_name(enum esc_mode mode); /* "encryptor", "router" */

/* The BPF LSM layer: where the kernel has it; never; or no start without it. */
enum esc_lsm_mode { ESC_LSM_AUTO, ESC_LSM_OFF, ESC_LSM_REQUIRED };

struct esc_peer {
	uint32_t id; /* slot: < ESC_PEERS_MAX, for as long as the peer exists */
	bool used;
	uint32_t generation; /* differs when a slot, or a key, was removed and added again */
	uint32_t touched;    /* ESC_PEER_* named by the last batch, changed or not */
	char name[ESC_LABEL_MAX + 1]; /* "" = none */
	uint8_t public_key[ESC_KEY_LEN];
	bool has_psk; /* the key: esc_model_psk() */
	uint8_t endpoint[16];
	uint16_t endpoint_port;		    /* as configured; 0 = no endpoint */
	uint16_t keepalive;		    /* seconds, 0 = off */
	uint32_t prefixes;		    /* how many */
	uint32_t first_prefix, last_prefix; /* model.c's */
	uint32_t next_in_bucket;
};

struct esc_model_table; /* hash tables of peers and prefixes */
struct esc_secrets;

struct esc_model {
	char name[ESC_NAME_MAX + 1];
	enum esc_mode mode;
	char black[ESC_NIC_MAX + 1];
	char red[ESC_NIC_MAX + 1];
	uint32_t queues;
	char provider[ESC_PROVIDER_MAX + 1]; /* auto, ipsec-mb, openssl, sodium or a path */
	char state_dir[ESC_PATH_MAX + 1];
	char red_user[ESC_USER_MAX + 1]; /* "" = control decides */
	char crypto_user[ESC_USER_MAX + 1];
	char keystore[ESC_PATH_MAX + 1]; /* "" = the private key is in the file */
	char admins[ESC_USER_MAX + 1];	 /* group that may change the node; "" = root alone */
	char monitors[ESC_USER_MAX + 1]; /* group that may read its status; "" = who may change */
	char audit[ESC_PATH_MAX + 1];	 /* audit log; "" = NAME.audit in state_dir */
	uint32_t waived;		 /* sandbox layers: ESC_LAYER_BITs of ipc/sandbox.h */
	enum esc_lsm_mode lsm;
	struct esc_defence defence;
	struct esc_split_conf split;
	/* Where the file says so, for messages about this machine: "FILE:LINE: …". 0: a default. */
	char file[ESC_PATH_MAX + 1];
	uint32_t black_line, red_line, queues_line, provider_line, keystore_line;
	uint32_t admins_line, monitors_line;
	uint8_t digest[32];		 /* of the file, BLAKE2b-256; tells versions apart */
	uint16_t listen_port;		 /* never 0 */
	bool has_key;			 /* the public key is known */
	uint8_t public_key[ESC_KEY_LEN]; /* own: of the private key, or from the open key store */
	uint32_t touched;		 /* ESC_DEVICE_* named by the last batch */
	uint32_t peers;			 /* how many */
	uint32_t prefixes;
	struct esc_secrets *secrets;
	struct esc_model_table *table;
};

/* --- reading ------------------------------------------------------------------------------ */

struct esc_model *esc_model_new(void); /* empty, with the defaults of the file format; or NULL */
struct esc_model *esc_model_clone(const struct esc_model *m); /* nothing touched; or NULL */
void esc_model_wipe(struct esc_model *m); /* its private and preshared keys are gone */
void esc_model_free(struct esc_model *m); /* wipes; NULL is fine */

/* The peer in that slot, or NULL. Walk all: id from 0 to ESC_PEERS_MAX - 1. */
const struct esc_peer *esc_model_peer(const struct esc_model *m, uint32_t id);
const struct esc_peer *esc_model_find(const struct esc_model *m, const uint8_t public_key[32]);
const uint8_t *esc_model_private_key(const struct esc_model *m); /* NULL: none, or in the store */
const uint8_t *esc_model_psk(const struct esc_model *m, uint32_t id); /* all zero if none */

/* Id of the peer that has exactly this (masked) prefix, or ESC_NO_PEER. */
uint32_t esc_model_prefix_owner(const struct esc_model *m, const struct esc_prefix *p);

/* Walk a peer's prefixes in the order in which they came: *cursor starts at 0; NULL at the end. */
const struct esc_prefix *esc_model_prefix_next(const struct esc_model *m, uint32_t id,
					       uint32_t *cursor);

/* --- building (config.c; a batch does the same through esc_model_stage) ------------------- */

void esc_model_set_key(struct esc_model *m, const uint8_t private_key[32]);
/* The key of the node's key store, whose private part this process never has. */
void esc_model_set_public_key(struct esc_model *m, const uint8_t public_key[32]);
/* 0 and *id; -EEXIST, -ENOSPC (ESC_PEERS_MAX). */
int esc_model_peer_add(struct esc_model *m, const uint8_t public_key[32], uint32_t *id);
void esc_model_peer_remove(struct esc_model *m, uint32_t id);
struct esc_peer *esc_model_peer_edit(struct esc_model *m, uint32_t id); /* NULL: no such peer */
void esc_model_set_psk(struct esc_model *m, uint32_t id, const uint8_t psk[32]); /* zero: none */
/* Moves the prefix if another peer has it. 0 or -ENOSPC (ESC_PREFIXES_MAX). */
int esc_model_prefix_add(struct esc_model *m, uint32_t id, const struct esc_prefix *p);
void esc_model_prefix_remove(struct esc_model *m, uint32_t id, const struct esc_prefix *p);
void esc_model_prefix_clear(struct esc_model *m, uint32_t id);

/* --- batches ------------------------------------------------------------------------------ */

/*
 * Operations, in order. Those below esc_batch_peer() belong to the peer named last (there must be
 * one: -EINVAL). All return 0 or -ENOMEM, -EINVAL; a batch remembers its first error, and
 * esc_model_stage() returns it, so a builder may ignore the results.
 */
struct esc_batch;

enum {
	ESC_BATCH_REMOVE = 1,	   /* delete the peer; its other operations are ignored */
	ESC_BATCH_UPDATE_ONLY = 2, /* do not create it; its other operations are then ignored */
};

struct esc_batch *esc_batch_new(void);	  /* NULL: out of memory */
void esc_batch_free(struct esc_batch *b); /* wipes; NULL is fine */
bool esc_batch_empty(const struct esc_batch *b);

int esc_batch_private_key(struct esc_batch *b, const uint8_t key[32]);
int esc_batch_listen_port(struct esc_batch *b, uint16_t port);
/*
 * Peers that this batch does not name disappear. Those that it names keep id, session and
 * endpoint; psk, keepalive and AllowedIPs become what the batch says, or none.
 */
int esc_batch_replace_peers(struct esc_batch *b);

int esc_batch_peer(struct esc_batch *b, const uint8_t public_key[32]); /* created if unknown */
int esc_batch_peer_flag(struct esc_batch *b, uint32_t flag);	       /* ESC_BATCH_* */
int esc_batch_psk(struct esc_batch *b, const uint8_t psk[32]);	       /* all zero: none */
int esc_batch_endpoint(struct esc_batch *b, const uint8_t addr[16], uint16_t port);
int esc_batch_keepalive(struct esc_batch *b, uint16_t seconds);
int esc_batch_clear_prefixes(struct esc_batch *b);
int esc_batch_prefix(struct esc_batch *b, const struct esc_prefix *p, bool add);

/* Why a batch was refused, or what it left out; for the log, holds no secret. */
struct esc_reason {
	char text[160]; /* "" = nothing to say */
};

/*
 * *next = m with the whole batch applied, for the caller to free; or NULL and -errno: -ENOSPC
 * (too many peers or prefixes), -EPERM (a private key for a node that has a key store), -ENOMEM,
 * -EINVAL (the batch was built wrongly). m stays as it is.
 * A peer with the node's own key is left out (why says so), as WireGuard does.
 */
int esc_model_stage(const struct esc_model *m, const struct esc_batch *b, struct esc_model **next,
		    struct esc_reason *why);

/* --- differences ---------------------------------------------------------------------------- */

/*
 * What crypto must be told to get from `from` (NULL: nothing configured) to `to`: DEVICE,
 * PEER_REMOVE, PEER_SET, PEER_PREFIX, in an order in which they may be applied one by one. COMMIT
 * is the caller's. A new peer's PEER_SET names psk, endpoint and keepalive as far as they are
 * set; ESC_PEER_STAMP is never named: the callback may add it to the message (it is_new).
 * The callback returns 0 to go on; anything else ends the walk and is returned. The message is
 * wiped after each call.
 */
typedef int (*esc_diff_message_fn)(void *arg, struct esc_msg *msg, bool is_new);
int esc_model_diff_messages(const struct esc_model *from, const struct esc_model *to,
			    esc_diff_message_fn fn, void *arg);

/* Prefixes that enter (true) or leave (false) the union of all peers' AllowedIPs. */
typedef int (*esc_diff_prefix_fn)(void *arg, const struct esc_prefix *p);
int esc_model_diff_prefixes(const struct esc_model *from, const struct esc_model *to, bool enter,
			    esc_diff_prefix_fn fn, void *arg);

#endif
