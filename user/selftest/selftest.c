/* SPDX-License-Identifier: BSD-2-Clause */
/* selftest.c: which process tests what. */
#include "selftest/selftest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "select.h"
#include "selftest/steps.h"

bool esc_selftest_log(void *arg, const char *test, const char *source, const char *why)
{
	(void)arg;
	if (why)
		esc_err("self-test: %s (%s): %s. Nothing is started; see: esclusa selftest", test,
			source, why);
	return !why;
}

/* One after the other, as long as whoever is told wants to hear more. */
struct run {
	esc_selftest_report *report;
	void *arg;
	bool stopped;
};

static bool pass_on(void *arg, const char *test, const char *source, const char *why)
{
	struct run *r = arg;

	if (!r->report(r->arg, test, source, why))
		r->stopped = true;
	return !r->stopped;
}

int esc_selftest_crypto(esc_selftest_report *report, void *arg)
{
	struct run r = {report, arg, false};
	bool ok = esc_selftest_random(esc_random_system, pass_on, &r);

	if (!r.stopped)
		ok &= esc_selftest_known(esc_known, esc_known_count, pass_on, &r);
	return ok ? 0 : -EIO;
}

int esc_selftest_control(const struct esc_object *objects, size_t n, esc_selftest_report *report,
			 void *arg)
{
	struct run r = {report, arg, false};
	bool ok = esc_selftest_random(esc_random_system, pass_on, &r);

	for (size_t i = 0; i < esc_known_count && !r.stopped; i++) {
		if (esc_known[i].control)
			ok &= esc_selftest_known(&esc_known[i], 1, pass_on, &r);
	}
	if (!r.stopped)
		ok &= esc_selftest_objects(esc_digests, esc_digest_count, objects, n, pass_on, &r);
	return ok ? 0 : -EIO;
}

int esc_selftest_providers(esc_selftest_report *report, void *arg)
{
	char names[128], test[64], why[256];
	struct esc_aead a;
	int result = 0;

	snprintf(names, sizeof(names), "%s", esc_aead_names());
	for (char *more, *name = strtok_r(names, ", ", &more); name;
	     name = strtok_r(NULL, ", ", &more)) {
		int err = esc_aead_select(&a, name, why);

		snprintf(test, sizeof(test), "AEAD provider %s", name);
		if (!err)
			esc_aead_release(&a);
		else
			result = -EIO;
		if (!report(arg, test, "RFC 8439 and libsodium", err ? why : NULL))
			break;
	}
	return result;
}
