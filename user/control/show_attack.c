/* SPDX-License-Identifier: BSD-2-Clause */
/* show_attack.c: attacks, for `esclusa show`, `esclusa monitor` and the audit log. */
#include <inttypes.h>
#include <time.h>

#include "control/show_attack.h"

/* --- JSON ------------------------------------------------------------------------------------- */

static void kinds_json(struct esc_json *j, uint32_t kinds)
{
	esc_json_array(j, "kinds");
	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++)
		if (kinds & 1u << k)
			esc_json_str(j, NULL, esc_detect_id(k));
	esc_json_end(j);
}

static void sources_json(struct esc_json *j, const char *name, const struct esc_attack *a)
{
	char text[ESC_TALKER_STR];

	esc_json_array(j, name);
	for (uint32_t i = 0; i < a->sources; i++) {
		esc_json_object(j, NULL);
		esc_json_str(j, "source", esc_talker_format(&a->source[i].key, text));
		esc_json_u64(j, "packets", a->source[i].packets);
		kinds_json(j, a->source[i].kinds);
		esc_json_end(j);
	}
	esc_json_end(j);
}

static void attack_json(struct esc_json *j, const struct esc_attack *a)
{
	esc_json_u64(j, "attack", a->id);
	esc_json_u64(j, "start", a->start);
	esc_json_u64(j, "end", a->end);
	esc_json_u64(j, "peak", a->peak);
	esc_json_u64(j, "packets", esc_attack_packets(a));
	kinds_json(j, a->kinds);
	esc_json_bool(j, "under_load", a->under_load);
	sources_json(j, "sources", a);
}

void esc_attack_line(struct esc_json *j, const struct esc_attack *a)
{
	char list[ESC_ATTACK_STR];

	esc_json_u64(j, "attack", a->id);
	esc_json_u64(j, "start", a->start);
	if (a->end)
		esc_json_u64(j, "end", a->end);
	esc_json_u64(j, "peak", a->peak);
	esc_json_u64(j, "packets", esc_attack_packets(a));
	esc_json_str(j, "kinds", esc_attack_kinds(a->kinds, list));
	esc_json_str(j, "sources", esc_attack_sources(a, list));
}

void esc_detect_json(struct esc_json *j, const struct esc_detect *d)
{
	static const struct esc_attack none;

	esc_json_object(j, "detection");
	esc_json_str(j, "state", d->attacked ? "attack" : "calm");
	esc_json_u64(j, "since", d->attacked ? d->now.start : 0);
	esc_json_u64(j, "rate", d->total);
	esc_json_array(j, "kinds");
	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++) {
		esc_json_object(j, NULL);
		esc_json_str(j, "kind", esc_detect_id(k));
		esc_json_u64(j, "rate", d->rate[k]);
		esc_json_u64(j, "normal", (uint64_t)d->mean[k]);
		esc_json_u64(j, "threshold", d->threshold[k]);
		esc_json_end(j);
	}
	esc_json_end(j);
	sources_json(j, "top_sources", d->attacked ? &d->now : &none);
	esc_json_u64(j, "attacks_seen", d->attacks);
	esc_json_array(j, "attacks");
	for (uint32_t i = 0; i < d->pasts + d->attacked; i++) {
		esc_json_object(j, NULL);
		attack_json(j, d->attacked ? i ? &d->past[i - 1] : &d->now : &d->past[i]);
		esc_json_end(j);
	}
	esc_json_end(j);
	esc_json_end(j);
}

/* --- text ------------------------------------------------------------------------------------- */

char *esc_attack_kinds(uint32_t kinds, char buf[ESC_ATTACK_STR])
{
	size_t len = 0;

	*buf = '\0';
	for (unsigned int k = 0; k < ESC_DETECT_KINDS && len < ESC_ATTACK_STR; k++)
		if (kinds & 1u << k)
			len += (size_t)snprintf(buf + len, ESC_ATTACK_STR - len, "%s%s",
						len ? "," : "", esc_detect_id(k));
	return buf;
}

char *esc_attack_sources(const struct esc_attack *a, char buf[ESC_ATTACK_STR])
{
	char text[ESC_TALKER_STR];
	size_t len = 0;

	*buf = '\0';
	for (uint32_t i = 0; i < a->sources && len < ESC_ATTACK_STR; i++)
		len += (size_t)snprintf(buf + len, ESC_ATTACK_STR - len, "%s%s", len ? "," : "",
					esc_talker_format(&a->source[i].key, text));
	return buf;
}

static const char *utc(uint64_t when, char buf[32])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(buf, 32, "%Y-%m-%d %H:%M:%SZ", &tm))
		*buf = '\0';
	return buf;
}

static void lasting(const struct esc_detect *d, FILE *f)
{
	const struct esc_attack *a = &d->now;
	char when[32], text[ESC_TALKER_STR], kinds[ESC_ATTACK_STR];

	fprintf(f,
		"  UNDER ATTACK since %s: %" PRIu64 " packets/s refused, peak %" PRIu64
		"/s, %" PRIu64 " in all\n",
		utc(a->start, when), d->total, a->peak, esc_attack_packets(a));
	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++)
		if (a->kinds & 1u << k)
			fprintf(f, "    %-10s %12" PRIu64 "/s %15" PRIu64 "  %s\n",
				esc_detect_id(k), d->rate[k], a->packets[k], esc_detect_text(k));
	for (uint32_t i = 0; i < a->sources; i++)
		fprintf(f, "    from %-39s about %" PRIu64 " packets: %s\n",
			esc_talker_format(&a->source[i].key, text), a->source[i].packets,
			esc_attack_kinds(a->source[i].kinds, kinds));
	if (!a->sources)
		fprintf(f, "    no main source: many, or invented ones\n");
}

static void over(const struct esc_attack *a, FILE *f)
{
	char when[32], kinds[ESC_ATTACK_STR], sources[ESC_ATTACK_STR];

	fprintf(f, "    %s  %" PRIu64 " s, peak %" PRIu64 "/s, %" PRIu64 " packets: %s%s%s\n",
		utc(a->start, when), a->end > a->start ? a->end - a->start : 0, a->peak,
		esc_attack_packets(a), esc_attack_kinds(a->kinds, kinds),
		a->sources ? "; from " : "", esc_attack_sources(a, sources));
}

void esc_detect_text_show(const struct esc_detect *d, FILE *f)
{
	fprintf(f, "\nAttacks\n");
	if (d->attacked)
		lasting(d, f);
	else
		fprintf(f, "  calm: %" PRIu64 " packets/s refused\n", d->total);
	if (d->pasts)
		fprintf(f, "  %" PRIu64 " over, the last ones:\n", d->attacks - d->attacked);
	for (uint32_t i = 0; i < d->pasts && i < 5; i++)
		over(&d->past[i], f);
}
