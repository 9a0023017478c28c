/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rule.h: rules of [Split] and [Firewall] (R5, R11) as text, and back. What is printed parses to
 * the same. No privileges, no state.
 *
 *	RULE     PROTOCOL [PORTS] [to PREFIX] [from PREFIX]          Allow, Deny, SecureAllow, …
 *	FORWARD  tcp|udp PORTS to IPV4[:PORT] [from PREFIX]          one port, or FIRST-LAST
 *	OPEN     tcp|udp|icmp [PORTS] to IPV6-PREFIX [from PREFIX]
 *	SERVICE  dhcp | dns | ntp | tcp PORT | udp PORT              Local
 *
 * `to` and `from` may change places. Words are case-insensitive.
 */
#ifndef ESC_CONTROL_RULE_H
#define ESC_CONTROL_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "split.h"

#define ESC_RULE_STR 160u /* the longest text, and NUL */
#define ESC_RULE_WHY 256u

/*
 * Each takes one text, adds to the list as many entries as it means (one per element of a list of
 * ports; *count of them are there, at most max) and returns true; or leaves all as it was, writes
 * to why what word was found and what was expected, and returns false. No text is longer than 4096.
 */
bool esc_rule_parse(const char *text, enum esc_verdict verdict, struct esc_rule *list, uint32_t max,
		    uint32_t *count, char why[ESC_RULE_WHY]);
bool esc_forward_parse(const char *text, struct esc_opening *list, uint32_t max, uint32_t *count,
		       char why[ESC_RULE_WHY]);
bool esc_open_parse(const char *text, struct esc_opening *list, uint32_t max, uint32_t *count,
		    char why[ESC_RULE_WHY]);
/* A service that is in the list is not added again. */
bool esc_service_parse(const char *text, struct esc_service *list, uint32_t max, uint32_t *count,
		       char why[ESC_RULE_WHY]);

/* As in the file, without Allow, Forward …; return buf. */
char *esc_rule_text(const struct esc_rule *r, char buf[ESC_RULE_STR]);
char *esc_opening_text(const struct esc_opening *o, char buf[ESC_RULE_STR]);
char *esc_service_text(const struct esc_service *s, char buf[ESC_RULE_STR]);

/* An opening is a Forward (IPv4) or an Open (IPv6). */
bool esc_opening_is_forward(const struct esc_opening *o);

/* 80, or 5000-5100: both in decimal, FIRST not above LAST; from 0 on. */
bool esc_ports_parse(const char *s, uint16_t *first, uint16_t *last);

/* Prefixes as in split.h: does the first one contain the second? Have they something in common? */
bool esc_prefix_contains(const uint8_t a[16], uint8_t a_len, const uint8_t b[16], uint8_t b_len);
bool esc_prefix_overlaps(const uint8_t a[16], uint8_t a_len, const uint8_t b[16], uint8_t b_len);

#endif
