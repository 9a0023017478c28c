/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hook.h: where a test build (ESC_TEST_HOOKS) lets hostile code into a packet process. In every
 * other build these are nothing, and tests/sandbox/release.test.sh looks that nothing is there.
 * The hostile code is in tests/sandbox/; it is linked into $(BUILD)/hooks/esclusa alone, and told
 * what to do by the environment (ESCLUSA_ATTACK).
 */
#ifndef ESC_PROC_HOOK_H
#define ESC_PROC_HOOK_H

#include <stdint.h>

#ifdef ESC_TEST_HOOKS
/* The sandbox is complete and control was not told yet. process: struct red or struct crypto. */
void esc_hook_locked(const char *domain, void *process);
/* After each round of work; > 0: there will be more at once. */
uint32_t esc_hook_round(void *process);
/* A session key comes into use. */
void esc_hook_key(const uint8_t key[32]);
#else
static inline void esc_hook_locked(const char *domain, const void *process)
{
	(void)domain;
	(void)process;
}

static inline uint32_t esc_hook_round(const void *process)
{
	(void)process;
	return 0;
}

static inline void esc_hook_key(const uint8_t key[32])
{
	(void)key;
}
#endif

#endif
