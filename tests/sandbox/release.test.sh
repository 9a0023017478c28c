# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# release.test.sh: what attacks are made with is not in the program that people install.

HOOKS=$BUILD/hooks/esclusa
HOOK_NAMES='esc_hook|attack_log|attacks_on_|hostile_'
HOOK_WORDS='ESCLUSA_ATTACK|open_passwd|attacks:'

# How many symbols and strings of a program are those of the hooks.
hook_symbols()
{
	{ nm -a "$1"; nm -D "$1"; } | grep -cE " ($HOOK_NAMES)" || true
}

hook_strings()
{
	strings -a -n 6 "$1" | grep -cE "$HOOK_WORDS" || true
}

test_release_has_no_hooks()
{
	local pid

	[ -x "$HOOKS" ] || fail "not built: make hooks-bin"
	[ "$(hook_symbols "$HOOKS")" -gt 10 ] || fail "the test build has no hooks: is this test blind?"
	[ "$(hook_strings "$HOOKS")" -ge 3 ] || fail "the test build has no words: is this test blind?"
	equal "hook symbols in $ESCLUSA" "$(hook_symbols "$ESCLUSA")" 0
	equal "hook strings in $ESCLUSA" "$(hook_strings "$ESCLUSA")" 0

	# The word that the test build obeys means nothing to it.
	export ESCLUSA_ATTACK="red=open_passwd crypto=open_passwd"
	lab_site a
	node_config a
	node_start a esclusa
	for pid in $(node_show a pid red) $(node_show a pid crypto); do
		! tr '\0' '\n' <"/proc/$pid/environ" | grep -q ATTACK ||
			fail "the variable reached process $pid"
	done
	! grep -q attacks: "$LAB_DIR/a.log" || fail "it attacks: $(cat "$LAB_DIR/a.log")"
	node_stop a
	bg a "$LAB_DIR/a.log" "$HOOKS" run "$LAB_DIR/a.conf"
	wait_for 60 grep -Eq 'attacks: open_passwd=|red process [0-9]+ .*killed for it' "$LAB_DIR/a.log" ||
		fail "the test build does not attack: $(cat "$LAB_DIR/a.log")"
}
