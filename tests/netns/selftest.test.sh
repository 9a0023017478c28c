# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# selftest.test.sh: a program that is damaged on disk does not become a node.

# stopped_by WORDS: the damaged program names the part, and leaves nothing attached.
stopped_by()
{
	local bad=$LAB_DIR/damaged

	must_exit 1 "$bad" selftest
	grep -q "^FAIL  $1" "$LAB_DIR/must_exit.out" ||
		fail "selftest does not name $1: $(cat "$LAB_DIR/must_exit.out")"
	must_exit 1 at a timeout 60 "$bad" run "$LAB_DIR/a.conf"
	equal "lines about it" "$(grep -c "self-test: $1.*Nothing is started" "$LAB_DIR/must_exit.out")" 1
	[ ! -e "/sys/fs/bpf/esclusa/$(node_name a)" ] || fail "programs were left on the NICs"
	[ ! -e "/run/esclusa/$(node_name a).lock" ] || fail "a lock was left"
	! at a ip link show | grep -q prog/xdp || fail "XDP was left"
}

damage()
{
	python3 "$LAB_HERE/damage.py" "$ESCLUSA" "$LAB_DIR/damaged" "$@" || fail "cannot damage"
}

test_damaged_bpf_object()
{
	local object

	lab_site a
	node_config a
	must_exit 0 "$ESCLUSA" selftest
	for object in "$BUILD"/bpf/*.bpf.o; do
		damage "$object"
		stopped_by "BPF object $(basename "$object" .bpf.o)"
	done
}

# The self-test of the crypto process alone: control, which started it, gives up too.
test_damaged_primitive()
{
	lab_site a
	node_config a
	damage 508c5e8c327c14e2 508c5e8c327c14e3
	stopped_by BLAKE2s
	damage 1a98fba8e6394425 1a98fba8e6394424
	stopped_by Argon2id
}
