# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# talk.test.sh: a packet process in an attacker's hands, and control. It floods control's socket with
# all that it may say, and its status memory is noise; at last it says what it may not.

LIMIT[control_survives_red]=300
LIMIT[control_survives_crypto]=300

# Resident memory of control, KiB.
talk_memory()
{
	awk '/^VmRSS:/ { print $2 }' "/proc/${NODE_PID[a]}/status"
}

# talk_over DOMAIN: control killed it for its last word.
talk_over()
{
	grep -aq "$1 process [0-9]* sent a message that is not its to send; killed" "$LAB_DIR/a.log"
}

# control_survives DOMAIN
control_survives()
{
	local memory fds now lives since i

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	node_start b esclusa
	attack_orders
	since=$SECONDS
	ESCLUSA=$HOOKS ESCLUSA_ATTACK="talk=$1 orders=$ORDERS" node_start a esclusa
	ping_up lana 10.2.0.2
	memory=$(talk_memory)
	fds=$(fault_descriptors a)
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.1 10.2.0.2
	for i in {1..10}; do
		order b # again: a flood may keep its own answers to the watchdog out
		sleep 0.2
		timeout 30 "$ESCLUSA" show "$(node_name a)" >/dev/null || fail "no answer to show"
		timeout 30 "$ESCLUSA" show "$(node_name a)" -j | python3 -m json.tool >/dev/null ||
			fail "show -j is not JSON"
		timeout 30 wg show "$(node_name a)" >/dev/null || fail "no answer to wg"
	done
	now=$(talk_memory)
	echo "memory of control: $memory KiB, $now KiB after two seconds of it"
	[ "$now" -lt $((memory + 8192)) ] || fail "control's memory grows"
	grep -aq " $1: " "$LAB_DIR/a.log" || fail "it said nothing: is this test blind?"
	for i in {1..6}; do # a process that the watchdog replaces may take the order with it
		order e
		! wait_for 10 talk_over "$1" || break
	done
	talk_over "$1" || fail "control let it say anything"
	wait_for 30 node_ready a || fail "nobody replaces it"
	# Where crypto said that its peers were is where its successor looks for them: if that was noise,
	# they have to call. They do when nobody answers them for 15 s.
	ping_up lanb 10.1.0.2 120
	ping_up lana 10.2.0.2 30
	tcp_copy lana lanb 10.2.0.2 300000
	equal "descriptors of control" "$(fault_descriptors a)" "$fds"
	# 50 lines in ten seconds, and each life has its own
	lives=$(($(node_show a field restarts) + 1))
	[ "$(grep -ac " $1: " "$LAB_DIR/a.log")" -le $((50 * (lives + (SECONDS - since) / 10 + 1))) ] ||
		fail "the log was flooded"
	! LC_ALL=C grep -aqv '^[ -~]*$' "$LAB_DIR/a.log" || fail "control characters in the log"
}

test_control_survives_red()
{
	control_survives red
}

test_control_survives_crypto()
{
	control_survives crypto
}
