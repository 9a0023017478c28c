# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# talk.test.sh: a packet process in an attacker's hands, and control. It floods control's socket with
# all that it may say, and its status memory is noise; at last it says what it may not.

LIMIT[control_survives_red]=120
LIMIT[control_survives_crypto]=120

# Resident memory of control, KiB, and its descriptors.
talk_memory()
{
	awk '/^VmRSS:/ { print $2 }' "/proc/${NODE_PID[a]}/status"
}

talk_fds()
{
	find "/proc/${NODE_PID[a]}/fd" -mindepth 1 | wc -l
}

# control_survives DOMAIN
control_survives()
{
	local up memory fds now lives i

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	node_start b esclusa
	read -r up _ </proc/uptime
	up=$((${up%.*} + 4))
	ESCLUSA=$HOOKS ESCLUSA_ATTACK="$1-talk=$up-$((up + 6))" node_start a esclusa
	ping_up lana 10.2.0.2
	memory=$(talk_memory)
	fds=$(talk_fds)
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.1 10.2.0.2
	wait_for 10 talk_began $((up + 1)) || fail "time stands still"
	for i in {1..10}; do
		timeout 5 "$ESCLUSA" show "$(node_name a)" >/dev/null || fail "no answer to show"
		timeout 5 "$ESCLUSA" show "$(node_name a)" -j | python3 -m json.tool >/dev/null ||
			fail "show -j is not JSON"
		timeout 5 wg show "$(node_name a)" >/dev/null || fail "no answer to wg"
		sleep 0.2
	done
	now=$(talk_memory)
	echo "memory of control: $memory KiB, $now KiB after two seconds of it"
	[ "$now" -lt $((memory + 8192)) ] || fail "control's memory grows"
	# A flood may keep its own answers to the watchdog out, and the process is replaced before.
	wait_for 15 grep -aq "$1 process [0-9]* sent a message that is not its to send; killed" \
		"$LAB_DIR/a.log" || fail "control let it say anything"
	wait_for 10 node_ready a || fail "nobody replaces it"
	# Where crypto said that its peers were is where its successor looks for them: if that was noise,
	# they have to call. They do when nobody answers them for 15 s.
	ping_up lanb 10.1.0.2 40
	ping_up lana 10.2.0.2
	tcp_copy lana lanb 10.2.0.2 300000
	equal "descriptors of control" "$(talk_fds)" "$fds"
	# 50 lines in ten seconds, and each life has its own
	lives=$(($(node_show a field restarts) + 1))
	[ "$(grep -ac " $1: " "$LAB_DIR/a.log")" -le $((100 * lives)) ] || fail "the log was flooded"
	! LC_ALL=C grep -aqv '^[ -~]*$' "$LAB_DIR/a.log" || fail "control characters in the log"
}

talk_began()
{
	local now

	read -r now _ </proc/uptime
	[ "${now%.*}" -ge "$1" ]
}

test_control_survives_red()
{
	control_survives red
}

test_control_survives_crypto()
{
	control_survives crypto
}
