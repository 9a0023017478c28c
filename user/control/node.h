/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.h: a running node, the control process.
 *
 *   node.c       start, event loop, stop, what is left behind: nothing
 *   plane.c      the data plane: NICs, programs, memories, processes; up, down, again
 *   child.c      one packet process: messages from it, its end
 *   supervise.c  do the processes work, and does control?
 *   apply.c      configuration into crypto, and changes to it
 *   firewall.c   what secure sites may begin, into red
 *   split.c      router mode: settings, policy, routes and neighbours into the programs
 *   links.c      news from the kernel: NICs, addresses, routes, neighbours
 *   reload.c     SIGHUP: the file is read again
 *   record.c     all of it that changes the node, into the audit log
 *   alarm.c      is it under attack?       monitor.c  who follows what happens
 *   zeroize.c    the end of all keys
 *   connections.c  router mode: the tables of connections, kept and listed
 *   wg_socket.c  `wg`                     status_socket.c  `esclusa show`
 *
 * Everything here runs in one thread.
 */
#ifndef ESC_CONTROL_NODE_H
#define ESC_CONTROL_NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/access.h"
#include "control/audit.h"
#include "control/bpf.h"
#include "control/chan.h"
#include "control/conns.h"
#include "control/detect.h"
#include "control/events.h"
#include "control/loop.h"
#include "control/memory.h"
#include "control/model.h"
#include "control/netlink.h"
#include "control/nexthops.h"
#include "control/nic.h"
#include "control/resolver.h"
#include "control/server.h"
#include "control/stamps.h"
#include "control/terminal.h"
#include "control/watchdog.h"

enum phase {
	PHASE_WAITING,	   /* no processes: a NIC is missing or down, or a restart is due */
	PHASE_STARTING,	   /* processes set themselves up */
	PHASE_CONFIGURING, /* crypto gets keys and peers */
	PHASE_RUNNING,	   /* packets pass */
	PHASE_ZEROIZING,   /* crypto wipes its keys; control did */
	PHASE_ZEROIZED,	   /* no keys and no processes, until the node is stopped */
	PHASE_STOPPING,
	PHASE_STOPPED,
};

struct node;

struct child {
	struct node *node;
	enum esc_side side;
	bool alive, ready, zero_copy;
	bool clean; /* it ended by itself, with exit status 0 */
	bool lost;  /* killed, and about to end */
	bool told_to_stop;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	uint32_t layers; /* of its sandbox, in force: ESC_LAYER_BITs */
	struct esc_watch process, messages;
	struct esc_chan chan;
	struct esc_watchdog watchdog;
	char note[128];		      /* crypto: its provider */
	struct esc_terminal terminal; /* crypto: it asks there for a passphrase */
	uint32_t log_lines;
	uint64_t log_since;
};

struct side {
	struct node *node;
	enum esc_side side;
	struct esc_nic nic; /* as last seen; ifindex 0 = not there */
	uint8_t addr[ESC_ADDRS_MAX][16];
	uint32_t addrs;
	struct esc_resolver *resolver;
	struct esc_timer look;	       /* the NIC, its addresses or routes changed a moment ago */
	bool look_nic;		       /* not only routes */
	struct esc_nexthops *nexthops; /* NULL: encryptor mode; and so for the three below */
	struct esc_watch wants;	       /* of the programs: neighbours */
	struct esc_timer wants_pause;
	bool wants_flood;   /* more than one turn may take */
	struct child child; /* black: crypto; red: red */
};

/* Where a peer was when crypto was last asked: it is found there again after a restart. */
struct last_endpoint {
	uint32_t generation;
	uint16_t port; /* host order; 0 = unknown */
	uint8_t addr[16];
	bool session; /* one was in use when crypto ended */
};

/* Its lines in the audit log. */
struct change {
	uint64_t first; /* seq */
	uint32_t lines; /* 0: nothing changes */
};

struct alarm {
	struct esc_detect detect;
	struct esc_talkers talkers;
	struct esc_talker_reading *reading; /* ESC_TALKERS_MAX of them */
	bool watching;			    /* talkers are being read */
	bool under_load;
	uint64_t update_due;
};

/* Of router mode. */
struct connections {
	struct esc_conns *conns; /* NULL: encryptor mode */
	int map[ESC_CONNS_MAPS];
	struct esc_timer timer;
};

/* A change on its way to crypto. */
struct pending {
	bool active;
	struct esc_model *next; /* NULL: all of node.model, to a new process */
	uint32_t seq;
	int error;			  /* why it failed, if crypto said so */
	struct esc_caller who;		  /* whose change it is, */
	struct change change;		  /* and where the audit log has it */
	void (*done)(void *arg, int err); /* NULL: nobody waits */
	void *arg;
};

struct node {
	struct esc_loop loop;
	struct esc_model *model;
	enum phase phase;
	bool was_running; /* the start succeeded: from now on it restarts instead of giving up */
	int exit_code;
	uint32_t layers; /* of control's own sandbox, in force: ESC_LAYER_BITs */
	int lock;
	struct esc_watch signals, hangups;
	struct esc_netlink *netlink;
	struct esc_watch news;
	struct esc_bpf *bpf;
	struct esc_memory memory;
	uint32_t frame_size;
	bool split_on; /* router mode forwards */
	struct side side[ESC_SIDES];
	struct esc_timer timer; /* of the phase: start or stop takes too long, restart is due */
	struct esc_timer tick;	/* every second */
	uint64_t backoff;	/* before the next restart, ns */
	uint64_t running_since; /* esc_now() */
	uint64_t started;	/* UNIX seconds */
	char waiting_for[768];	/* why there are no processes; logged when it changes */
	uint32_t restarts;
	char last_failure[160]; /* why the processes were stopped last; "" */
	char provider[64];	/* what "auto" chose; "" before */
	struct esc_timer supervise;
	uint64_t supervise_due;		/* when it should run next, esc_now() */
	uint64_t notify_due, notify_ns; /* systemd's watchdog; 0: none */
	struct pending pending;
	struct esc_caller reload; /* who sent SIGHUP last */
	bool reload_wanted;	  /* waits for the change that is on its way */
	uint32_t seq;
	struct last_endpoint last[ESC_PEERS_MAX];
	struct esc_stamps stamps;
	struct esc_timer stamps_timer;
	struct {
		struct esc_client *client; /* waits for the answer; NULL: not any more */
		struct esc_caller who;
		const char *how; /* crypto's keys went; NULL: not yet */
	} zeroize;
	struct esc_access access;
	struct esc_audit audit;
	struct alarm alarm;
	struct connections connections;
	struct esc_events events;
	bool sessions[ESC_PEERS_MAX]; /* that followers know of */
	struct esc_server wg, status;
};

/*
 * Run a node in the foreground until SIGINT or SIGTERM. Takes the model. Returns 0, or 1 when it
 * cannot run (why was logged, nothing is left behind). Needs root.
 */
int esc_node_run(struct esc_model *m);

/* --- node.c --- */
/* While stopping: a process ended, or took too long; go on with the next step. */
void node_stop_step(struct node *n);
/* The start failed, and why was logged: give up. */
void node_fail(struct node *n);

/* --- plane.c --- */

/* Try to get from WAITING to STARTING; stays WAITING (and says why) while a NIC is not fit. */
void plane_up(struct node *n);
/*
 * Stop packets and processes at once, keep the programs attached, and start again: without delay
 * when all had run well for a second, else after 100 ms, twice that, ... 5 s.
 */
void plane_down(struct node *n);
/* Log why plane_down() is about to be called, and keep it for `esclusa show`. */
__attribute__((format(printf, 2, 3))) void plane_because(struct node *n, const char *fmt, ...);
void plane_set_on(struct node *n, bool on);
/* The node is up: crypto has its configuration. */
void plane_running(struct node *n);
/* The start takes too long, or a restart is due. */
void plane_timer(struct node *n);
/* Tell the programs and the process what the NIC is like now. */
void plane_tell_nic(struct node *n, enum esc_side side);
/* The NIC is gone, with the program and the sockets on it. */
void plane_lost_nic(struct node *n, enum esc_side side);

/*
 * Router mode: the programs take the policy and the settings (timeouts, ports) of this
 * configuration, the red process its secure policy. At start and at a reload, before the model that
 * it belongs to is n->model. 0; -errno: what was in force still is.
 */
int plane_policy(struct node *n, const struct esc_split_conf *conf);

/* --- firewall.c --- */
/*
 * Tell the red process what secure sites may begin: it refuses all of it until then. At its start,
 * and whenever that changes; packets see the old policy or the new one. Conversations stay.
 */
void firewall_tell(struct node *n, const struct esc_secure_policy *p);

/* --- split.c: router mode; in encryptor mode none of it does anything --- */
int split_open(struct node *n); /* 0; -errno after saying why */
void split_close(struct node *n);
/* Let the programs forward, or not. The listen port may be another one. */
void split_set_on(struct node *n, bool on);
/* NICs or addresses changed. */
void split_tell(struct node *n);
/* Routes changed; nic: so did the NIC, its addresses, or anything (news was lost). */
void split_look(struct side *s, bool nic);
void split_neigh(struct side *s, const struct esc_neigh *neigh);
void split_tick(struct node *n); /* every second */
/* Policy and settings of conf. 0; -errno after saying why. */
int split_policy(struct node *n, const struct esc_split_conf *conf);

/* --- child.c --- */
int child_start(struct child *c);
void child_send(struct child *c, struct esc_msg *m);
/* Kill it without waiting for its end, which is an event of its own. */
void child_kill(struct child *c);
/* The same, with the reason to the log; that event restarts both processes. */
void child_give_up(struct child *c, const char *why);
/* Kill it and wait for its end, so long at most: for the end of control itself. */
#define CHILD_END_MS 1000u
void child_end(struct child *c, unsigned int ms);
/* Ask it whether it works, and give it up if it does not answer. */
void child_check(struct child *c, uint64_t now);
/* SIGCHLD came: give it up if it was stopped. */
void child_check_stopped(struct child *c);
const char *child_name(const struct child *c);

/* --- supervise.c --- */
void supervise_start(struct node *n);
/* SIGCHLD: a process may have been stopped. */
void supervise_stopped(struct node *n);

/* --- apply.c --- */

/* Tell the red program which prefixes are secure. 0 or -errno. */
int apply_secure(struct node *n);
/* Crypto opened the key store: this is its key. 0 or -errno. */
int apply_public_key(struct node *n, const uint8_t key[32]);
/* Give crypto everything; plane_running() when it took it. */
void apply_all(struct node *n);
/*
 * Change the model, for `who`; not without a record of it. -EINPROGRESS: done() will be called;
 * -EBUSY: another change is on its way, try again when wg_socket_resume() is called; else the
 * result.
 */
int apply_batch(struct node *n, const struct esc_batch *b, const struct esc_caller *who,
		void (*done)(void *arg, int err), void *arg);

/* Who wants a change, and for a reload (else NULL) what of it needs a restart. */
struct request {
	const struct esc_caller *who;
	const char *restart;
};

/*
 * The same with a model that is made already; takes it. Not while another change is on its way, or
 * PHASE_CONFIGURING.
 */
int apply_model(struct node *n, struct esc_model *next, const struct request *r,
		void (*done)(void *arg, int err), void *arg);
void apply_ack(struct node *n, const struct esc_msg_ack *ack);
/* Crypto is gone: what was on its way is not going to be acknowledged. */
void apply_abort(struct node *n);
void apply_save_endpoints(struct node *n);

/* --- reload.c --- */

/* SIGHUP came, from this process: read the file again, now or after the change on its way. */
void reload_begin(struct node *n, pid_t pid, uid_t uid);
void reload_resume(struct node *n);

/* --- zeroize.c --- */

/* Make all keys of the running node unrecoverable, for `c`, which is answered when it is done. */
void zeroize_begin(struct node *n, struct esc_client *c);
/* Crypto says that it has no keys any more. false: nobody asked it to. */
bool zeroize_wiped(struct node *n);
/* While it is on its way: a process ended; crypto takes too long; the client is gone. */
void zeroize_step(struct node *n);
/* The node stops: if keys are being wiped, there is no more time. */
void zeroize_stop(struct node *n);
void zeroize_timer(struct node *n);
void zeroize_client_gone(struct node *n, const struct esc_client *c);

/* --- record.c: into the audit log --- */

/* 0, or -errno after saying why: the node must not run. */
int record_open(struct node *n);
void record_start(struct node *n);
void record_running(struct node *n);
/* The processes are stopped and started again; why is n->last_failure. */
void record_failure(struct node *n);
/* signo: 0 is an error; pid and uid sent the signal. */
void record_stop(struct node *n, int signo, pid_t pid, uid_t uid);
/*
 * What differs between the two models, a line for each peer, for a reload one for the file, too, on
 * the disk before it returns. 0 and *c; -errno: it could not be written down, so it must not
 * happen.
 */
int record_change(struct node *n, const struct request *r, const struct esc_model *from,
		  const struct esc_model *to, struct change *c);
/* And what became of it: 0 or -errno. */
void record_outcome(struct node *n, const struct esc_caller *who, const struct change *c, int err);
/* A request that was not granted, or could not be. */
void record_refusal(struct node *n, const struct esc_caller *who, const char *request,
		    const char *why);
/* result and error as in audit.h; how: what became of crypto's keys. */
void record_zeroize(struct node *n, const struct esc_caller *who, const char *how);
/* The command that asked for it says whether it made the keys in files unrecoverable, too. */
void record_zeroize_file(struct node *n, const struct esc_caller *who, bool done);
/* It began, or (its end is set) it is over. */
void record_attack(struct node *n, const struct esc_attack *a);
/* Refusals that were left out. */
void record_tick(struct node *n);

/* --- alarm.c --- */
int alarm_open(struct node *n); /* 0 or -errno */
void alarm_close(struct node *n);
void alarm_tick(struct node *n); /* every second */
void alarm_stop(struct node *n); /* before the record of it */

/* --- monitor.c: news for those who follow, if anybody does --- */
void monitor_attack(struct node *n, const char *event, const struct esc_attack *a, uint64_t rate);
void monitor_under_load(struct node *n, bool on);
void monitor_state(struct node *n, const char *event, const char *why); /* why may be NULL */
void monitor_running(struct node *n);
void monitor_tick(struct node *n); /* every second: peers' sessions */
/* What is the case now is not news. */
void monitor_look_at_peers(struct node *n);

/* --- connections.c: nothing happens in encryptor mode --- */
int connections_open(struct node *n); /* 0, or -errno after saying why */
void connections_close(struct node *n);
/* The black IPv4 address is another one: all that went by the old one end now. */
void connections_flush4(struct node *n);
/* For the status socket (server.h): begin to answer with all connections; go on. */
bool connections_begin(struct esc_client *c);
bool connections_next(struct esc_client *c, struct esc_conns_cursor *at);
struct esc_snap_router;
void connections_counts(const struct node *n, struct esc_snap_router *r);

/* --- links.c --- */
int links_open(struct node *n);
void links_close(struct node *n);
/* Read the NIC and its addresses again. */
void links_look(struct side *s);

/* --- wg_socket.c, status_socket.c --- */
int wg_socket_open(struct node *n);
void wg_socket_resume(struct node *n);
int status_socket_open(struct node *n);

#endif
