/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.c: is the source of keys alive? Gross failures only, such as a stuck or a short-period
 * source: no look at 4 KiB can tell good randomness from bad.
 *
 * How often a perfect source fails, per look at n = 4096 bytes:
 *	ones		|ones - 4 n| > 864. Hoeffding: 2 exp(-2 * 864^2 / (8 n)) < 2^-64
 *	repetition	11 equal bytes in a row: < n * 2^-80 = 2^-68 (as in NIST SP 800-90B, 4.4.1)
 *	proportion	one value more than 71 times, n / 256 = 16 expected. Chernoff:
 *			256 exp(-(72 ln(72 / 16) - 72 + 16)) < 2^-67 (as in SP 800-90B, 4.4.2)
 *	two draws	equal halves: 2^-16384
 * Together less than 2^-63.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>

#include "selftest/steps.h"

#define ONES_OFF_MAX   864
#define REPETITION_MAX 10u
#define VALUE_MAX      71u

int esc_random_system(void *out, size_t len)
{
	uint8_t probe;

	/* GRND_NONBLOCK: EAGAIN until the kernel has gathered enough after a boot. */
	if (getrandom(&probe, sizeof(probe), GRND_NONBLOCK) != sizeof(probe))
		return -errno;
	randombytes_buf(out, len);
	return 0;
}

static const char *find_fault(const uint8_t sample[ESC_RANDOM_SAMPLE])
{
	unsigned int seen[256] = {0}, run = 0, half = ESC_RANDOM_SAMPLE / 2;
	int ones = 0;

	for (unsigned int i = 0; i < ESC_RANDOM_SAMPLE; i++) {
		ones += __builtin_popcount(sample[i]);
		run = i && sample[i] == sample[i - 1] ? run + 1 : 1;
		if (run > REPETITION_MAX)
			return "it repeats a byte";
		if (++seen[sample[i]] > VALUE_MAX)
			return "it prefers a byte";
	}
	if (!memcmp(sample, sample + half, half))
		return "two draws are the same";
	ones -= (int)ESC_RANDOM_SAMPLE * 4;
	return ones > ONES_OFF_MAX || ones < -ONES_OFF_MAX ? "it prefers ones or zeros" : NULL;
}

bool esc_selftest_random(esc_random_source *source, esc_selftest_report *report, void *arg)
{
	uint8_t sample[ESC_RANDOM_SAMPLE];
	int err = source(sample, sizeof(sample) / 2);
	const char *why;

	err = err ? err : source(sample + sizeof(sample) / 2, sizeof(sample) / 2);
	if (err == -EAGAIN)
		why = "the kernel has not gathered enough randomness since it booted";
	else
		why = err ? strerror(-err) : find_fault(sample);
	sodium_memzero(sample, sizeof(sample));
	report(arg, "random source", "getrandom(2), NIST SP 800-90B", why);
	return !why;
}
