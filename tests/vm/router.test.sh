# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# router.test.sh: router mode on the oldest kernel that is supported, Debian 12's: its verifier has
# to take the programs, its devmaps have to run the guards. The site is that of lsm.test.sh, whose
# far end is the internet as well.

# What "far" has to say, to whoever asks at port 8080.
router_serves()
{
	guest "nsenter --net=/run/netns/far sh -c 'while :; do echo far away | nc -l -p 8080 >/run/asked
		done' >/dev/null 2>&1 & echo \$! >/run/server.pid"
	wait_for 60 guest_listens 8080 far || fail "nobody listens at the far end"
}

# With the BPF LSM layer in force, which knows the programs and maps of this mode, too.
test_router_on_the_oldest_kernel()
{
	lsm_guest "$LSM_KERNEL"
	sed -i 's/^Name = a/&\nMode = router/' "$LAB_DIR/a.conf"
	lsm_node required
	guest_says "router" "esclusa show a" || fail "no router: $(guest 'esclusa show a')"
	lsm_works "into the tunnel"
	guest "nsenter --net=/run/netns/lan ping -q -c 3 -W 2 100.64.1.2" >"$LAB_DIR/ping" ||
		fail "no echo from the internet: $(guest 'esclusa show a; cat /run/a.log')"
	router_serves
	guest "nsenter --net=/run/netns/lan sh -c 'echo hello | nc -w 60 100.64.1.2 8080'" \
		>"$LAB_DIR/nc" || fail "no connection: $(cat "$LAB_DIR/nc")"
	grep -qx "far away" "$LAB_DIR/nc" || fail "answered: $(cat "$LAB_DIR/nc")"
	guest_says "^tcp .*src=10.1.0.2 dst=100.64.1.2 .*dst=100.64.1.1" "esclusa show connections a" ||
		fail "connections: $(guest 'esclusa show connections a')"
	guest "kill \$(cat /run/server.pid)"
	refused take_program black_out
	refused take_program red_out
	refused write_map black_split
	refused write_map red_policy
	refused write_map conn
	lsm_stop
}
