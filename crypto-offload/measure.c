// SPDX-License-Identifier: BSD-2-Clause
/* measure.c: how fast providers are on this machine, and the fastest of them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "selftest.h"

/* Of a run of batches the best counts: interrupts and other processes only ever add time. */
#define ROUNDS	   16u
#define PACKET_LEN 1420u /* the largest inner packet at the usual MTU of 1500 */

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double batch_ns(void (*call)(void *, struct esc_aead_job *, unsigned int), void *ctx,
		       struct esc_aead_job *jobs, unsigned int rounds)
{
	double best = 1e18;

	for (unsigned int r = 0; r < rounds; r++) {
		const double start = now_ns();
		double ns;

		call(ctx, jobs, ESC_AEAD_BATCH_MAX);
		ns = now_ns() - start;
		if (ns < best)
			best = ns;
	}
	return best / ESC_AEAD_BATCH_MAX;
}

int esc_aead_measure(const struct esc_aead_provider *p, void *ctx, uint32_t len,
		     unsigned int rounds, double ns[2])
{
	static const uint8_t raw[ESC_AEAD_KEY_LEN];
	const size_t size = len + ESC_AEAD_TAG_LEN;
	struct esc_aead_key *key = p->key_new(ctx, raw);
	uint8_t *mem = calloc(2 * (size_t)ESC_AEAD_BATCH_MAX, size);
	struct esc_aead_job jobs[ESC_AEAD_BATCH_MAX];
	int err = key && mem ? 0 : -ENOMEM;

	if (!err) {
		for (unsigned int i = 0; i < ESC_AEAD_BATCH_MAX; i++)
			jobs[i] = (struct esc_aead_job){
				.key = key,
				.counter = i,
				.in = mem + i * size,
				.out = mem + (ESC_AEAD_BATCH_MAX + i) * size,
				.len = len,
			};
		ns[0] = batch_ns(p->seal, ctx, jobs, rounds);
		for (unsigned int i = 0; i < ESC_AEAD_BATCH_MAX; i++) {
			jobs[i].in = mem + (ESC_AEAD_BATCH_MAX + i) * size;
			jobs[i].out = mem + i * size;
		}
		ns[1] = batch_ns(p->open, ctx, jobs, rounds);
	}
	if (key)
		p->key_free(ctx, key);
	free(mem);
	return err;
}

int esc_aead_start(struct esc_aead *a, const struct esc_aead_provider *p, char why[ESC_AEAD_WHY])
{
	const char *failed;
	void *ctx = NULL;
	int err = p->start(&ctx);

	if (err) {
		snprintf(why, ESC_AEAD_WHY, "%s does not start: %s", p->name,
			 err == -ENOTSUP ? "not supported by this CPU or library" : strerror(-err));
		return err;
	}
	failed = esc_aead_selftest(p, ctx);
	if (failed) {
		snprintf(why, ESC_AEAD_WHY, "%s failed its self-test: %s", p->name, failed);
		p->stop(ctx);
		return -EBADMSG;
	}
	*a = (struct esc_aead){.provider = p, .ctx = ctx};
	return 0;
}

/* Append to the string in buf; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void append(char *buf, size_t size, const char *fmt,
							 ...)
{
	const size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, size - used, fmt, ap);
	va_end(ap);
}

/* Start and measure one: the mean of sealing and opening, as both directions use one core. */
static int try_one(struct esc_aead *a, const struct esc_aead_provider *p, unsigned int *ns,
		   char why[ESC_AEAD_WHY])
{
	double both[2];
	int err = esc_aead_start(a, p, why);

	if (err)
		return err;
	err = esc_aead_measure(p, a->ctx, PACKET_LEN, ROUNDS, both);
	if (err) {
		snprintf(why, ESC_AEAD_WHY, "%s: out of memory", p->name);
		esc_aead_release(a);
		return err;
	}
	*ns = (unsigned int)((both[0] + both[1]) / 2 + 0.5);
	return 0;
}

int esc_aead_fastest(struct esc_aead *a, const struct esc_aead_provider *const *list,
		     unsigned int n, char why[ESC_AEAD_WHY])
{
	unsigned int ns[ESC_AEAD_LIST_MAX] = {0}, best = n;
	char failed[ESC_AEAD_WHY] = "", reason[ESC_AEAD_WHY];
	const char *separator = "; ";
	int err = -ENOTSUP;

	memset(a, 0, sizeof(*a));
	for (unsigned int i = 0; i < n && i < ESC_AEAD_LIST_MAX; i++) {
		struct esc_aead one;

		if (!list[i])
			continue;
		if (try_one(&one, list[i], &ns[i], reason)) {
			append(failed, sizeof(failed), "; %s", reason);
			continue;
		}
		if (best < n && ns[best] <= ns[i]) {
			esc_aead_release(&one);
			continue;
		}
		esc_aead_release(a);
		*a = one;
		best = i;
		err = 0;
	}
	if (err) {
		snprintf(why, ESC_AEAD_WHY, "no AEAD provider works%s", failed);
		return err;
	}
	append(a->note, sizeof(a->note), "%s (%u ns per %u B packet", list[best]->name, ns[best],
	       PACKET_LEN);
	for (unsigned int i = 0; i < n && i < ESC_AEAD_LIST_MAX; i++) {
		if (!ns[i] || i == best)
			continue;
		append(a->note, sizeof(a->note), "%s%s %u", separator, list[i]->name, ns[i]);
		separator = ", ";
	}
	append(a->note, sizeof(a->note), ")%s", failed);
	return 0;
}
