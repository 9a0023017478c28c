/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox.h: the layers between a packet process and everything else (R2, R6), as control and the
 * processes name them: in the file (Sandbox = ...), in `esclusa show`, in messages.
 *
 * Every layer must be complete before a process touches a packet; one that cannot be stops the
 * start. The administrator may waive those marked so: they are then left out, and said to be.
 */
#ifndef ESC_IPC_SANDBOX_H
#define ESC_IPC_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/* X(id, name, waivable, what it means) */
#define ESC_LAYERS(X)                                                                              \
	X(descriptors, "descriptors", false, "exactly the descriptors of ipc/fds.h")               \
	X(user, "user", false, "a user and a group of its own, no other groups")                   \
	X(capabilities, "capabilities", false, "no capability, bounding set included")             \
	X(privileges, "privileges", false, "no_new_privs: executing gains nothing")                \
	X(dump, "dump", false, "no core file, no tracing by its own user")                         \
	X(mount, "mount", true, "a mount namespace with an empty, read-only root")                 \
	X(network, "network", true, "a network namespace without any device")                      \
	X(ipc, "ipc", true, "an IPC namespace of its own")                                         \
	X(pid, "pid", true, "a PID namespace of its own: no other process can be named")           \
	X(uts, "uts", true, "a UTS namespace of its own: no host name")                            \
	X(landlock, "landlock", true, "Landlock: no path may be opened, made or executed")         \
	X(limits, "limits", true, "no new process, descriptor or file; bounded memory")            \
	X(memory, "memory", true, "all memory is locked, none is added later")                     \
	X(wx, "wx", true, "no memory is writable and executable, or becomes executable")           \
	X(seccomp, "seccomp", true, "only the system calls that packets need, arguments checked")

enum esc_layer {
#define X(id, name, waivable, text) ESC_LAYER_##id,
	ESC_LAYERS(X)
#undef X
		ESC_LAYER_COUNT
};

#define ESC_LAYER_BIT(layer)	    (1u << (layer))
#define ESC_LAYERS_ALL		    (ESC_LAYER_BIT(ESC_LAYER_COUNT) - 1)

#define X(id, name, waivable, text) | ((waivable) ? ESC_LAYER_BIT(ESC_LAYER_##id) : 0u)
static const uint32_t ESC_LAYERS_WAIVABLE = 0u ESC_LAYERS(X);
#undef X

/* A build with the address sanitizer maps memory and calls what it likes: it cannot have these. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ESC_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ESC_ASAN
#endif
#ifdef ESC_ASAN
#define ESC_LAYERS_BUILT                                                                           \
	(ESC_LAYERS_ALL & ~(ESC_LAYER_BIT(ESC_LAYER_limits) | ESC_LAYER_BIT(ESC_LAYER_memory) |    \
			    ESC_LAYER_BIT(ESC_LAYER_seccomp)))
#else
#define ESC_LAYERS_BUILT ESC_LAYERS_ALL
#endif

struct esc_layer_info {
	const char *name, *text;
	bool waivable;
};

/* The layers that a process must report when these are waived. */
static inline uint32_t esc_layers_expected(uint32_t waived)
{
	return ESC_LAYERS_BUILT & ~(waived & ESC_LAYERS_WAIVABLE);
}

/* Names of layers for people: "mount, ipc"; "none". */
#define ESC_LAYERS_STR 160
const char *esc_layers_text(uint32_t layers, char buf[ESC_LAYERS_STR]);

/* Indexed by enum esc_layer. */
extern const struct esc_layer_info esc_layer_info[ESC_LAYER_COUNT];

#endif
