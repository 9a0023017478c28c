# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# zeroize.test.sh: keys are destroyed where the BPF LSM layer keeps root from reading them.

test_lsm_zeroize()
{
	lsm_guest "$LSM_KERNEL"
	lsm_node required
	lsm_works "before"
	equal "of the layer when the node runs" "$(guest 'esclusa audit a -j' | grep -o '"lsm":"in_force"')" \
		'"lsm":"in_force"'
	must_fail guest "cat /etc/esclusa/a.conf"
	# Our own program reads it, and gives nothing of it away.
	guest_says "not of an audit log" "esclusa audit /etc/esclusa/a.conf" || fail "audit does not say it"
	must_fail guest_says "$(sed -n 's/^PrivateKey = //p' "$LAB_DIR/a.conf")" "esclusa audit -j /etc/esclusa/a.conf"

	guest "esclusa zeroize /etc/esclusa/a.conf --yes" >"$LAB_DIR/zeroized" ||
		fail "zeroize: $(cat "$LAB_DIR/zeroized") $(guest 'cat /run/a.log')"
	grep -q 'running keys wiped by the crypto process' "$LAB_DIR/zeroized" || fail "$(cat "$LAB_DIR/zeroized")"
	grep -q '1 key overwritten in place' "$LAB_DIR/zeroized" || fail "$(cat "$LAB_DIR/zeroized")"
	guest_says '^a: zeroized' "esclusa show a" || fail "the node's state is another"
	guest "esclusa audit a --verify" >"$LAB_DIR/audit" || fail "$(cat "$LAB_DIR/audit")"
	lsm_stop
	must_fail guest "esclusa check /etc/esclusa/a.conf"
}
