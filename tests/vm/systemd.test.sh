# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# systemd.test.sh: what `make install` installs, unchanged, under a real systemd. The whole site is
# in the guest, as in lsm.test.sh.

LIMIT[systemd_service]=1000

systemd_guest()
{
	systemd_boot
	lsm_site
	guest "systemd-sysusers esclusa.conf && systemd-tmpfiles --create esclusa.conf" ||
		fail "users and folders cannot be made"
	systemd_config a
	guest "systemctl daemon-reload"
}

# systemd_config NAME [SED-SCRIPT]: a node's file; its name is the unit's. A new name for each, because
# the BPF LSM layer lets nobody write a file that a node had its key from.
systemd_config()
{
	guest "umask 077; echo $(sed "s/MODE/auto/; /^Name/d; ${2:-}" "$LAB_DIR/a.conf" |
		base64 -w 0) | base64 -d >/etc/esclusa/$1.conf" || fail "no file for node $1"
}

systemd_log()
{
	guest "systemctl status 'esclusa*' --no-pager; journalctl --no-pager -b -n 40 | grep -v kernel:"
}

# systemd_is WHAT UNIT VALUE: a property of a unit.
systemd_is()
{
	equal "$1 of $2" "$(guest "systemctl show -P $1 $2")" "$3"
}

systemd_start()
{
	guest "systemctl start esclusa@${1:-a}" || fail "no start: $(systemd_log)"
	systemd_works "after the start"
}

systemd_works()
{
	lsm_ping || fail "no echo $1: $(systemd_log)"
}

# systemd_new DOMAIN PID: it is another process now, and packets pass.
systemd_new()
{
	local now

	now=$(lsm_pid "$1") && [ -n "$now" ] && [ "$now" != "$2" ]
}

test_systemd_service()
{
	local pid unit

	systemd_guest
	systemd_start
	for unit in esclusa@a.service esclusa-launch@a.service; do
		systemd_is ActiveState "$unit" active
	done
	systemd_is StatusText esclusa@a.service running
	systemd_is Description esclusa@a.service "esclusa node a"
	guest "esclusa show a; wg show a"
	[ "$(lsm_pid red)" -gt 1 ] || fail "no red process"
	equal "users" "$(guest "stat -c %U /proc/$(lsm_pid red) /proc/$(lsm_pid crypto)" | paste -sd,)" \
		esclusa-red,esclusa-crypto
	equal "the launcher's network devices" \
		"$(guest "grep -c : /proc/\$(systemctl show -P MainPID esclusa-launch@a)/net/dev")" 1

	# A packet process dies: control replaces it. Control dies: systemd does, programs stay.
	pid=$(lsm_pid crypto)
	guest "kill -KILL $pid"
	wait_for 150 systemd_new crypto "$pid" || fail "crypto was not replaced: $(systemd_log)"
	systemd_works "after crypto died"
	pid=$(lsm_pid control)
	guest "kill -KILL $pid"
	wait_for 150 systemd_new control "$pid" || fail "control was not replaced: $(systemd_log)"
	systemd_works "after control died"
	systemd_is NRestarts esclusa@a.service 1

	# Control hangs: systemd's watchdog ends it.
	pid=$(lsm_pid control)
	guest "kill -STOP $pid"
	wait_for 150 systemd_new control "$pid" || fail "a hanging control stays: $(systemd_log)"
	systemd_works "after control hung"

	guest "systemctl stop esclusa@a" || fail "no stop: $(systemd_log)"
	for unit in esclusa@a.service esclusa-launch@a.service esclusa-launch@a.socket; do
		systemd_is ActiveState "$unit" inactive
	done
	# Nobody but esclusa sees its pins: the BPF LSM layer is in force here.
	must_fail guest "ls /sys/fs/bpf/esclusa"
	guest "find /run/esclusa /run/wireguard -name 'a*'" >"$LAB_DIR/left"
	guest "journalctl -b --no-pager -o cat -u esclusa@a | grep 'frames: red .* home'" ||
		fail "the processes did not end by themselves: $(systemd_log)"
	[ ! -s "$LAB_DIR/left" ] || fail "left behind: $(cat "$LAB_DIR/left")"
	guest "/bin/ip link show | grep prog/xdp" && fail "XDP is still attached"
	systemd_start

	# The file is read again, by the same process, and packets go on.
	pid=$(guest "systemctl show -P MainPID esclusa@a")
	guest "systemctl reload esclusa@a" || fail "no reload: $(systemd_log)"
	systemd_is ActiveState esclusa@a.service active
	systemd_is MainPID esclusa@a.service "$pid"
	guest "journalctl -b --no-pager -o cat -u esclusa@a | grep 'reload: .* is in force'" ||
		fail "nothing was taken over: $(systemd_log)"
	# Under the BPF LSM layer nobody else changes that file meanwhile.
	must_fail guest "echo Colour = red >>/etc/esclusa/a.conf"
	guest "systemctl reload esclusa@a" || fail "no second reload: $(systemd_log)"
	systemd_is MainPID esclusa@a.service "$pid"
	systemd_works "after reloads"

	# A mistake in the file is not tried again and again.
	systemd_config d 's/^Red = .*/Rad = red0/'
	guest "systemctl start esclusa@d" && fail "a wrong file was started"
	systemd_is ActiveState esclusa@d.service failed
	systemd_is ExecMainStatus esclusa@d.service 2
}

# A provider that is installed works; one from where control could write is not loaded.
test_systemd_provider()
{
	systemd_guest
	systemd_config b 's/^Lsm.*/Lsm = off/; s,^Provider.*,Provider = /usr/lib/esclusa/example.so,'
	systemd_start b
	guest "systemctl stop esclusa@b; cp /usr/lib/esclusa/example.so /var/lib/esclusa/"
	systemd_config c 's/^Lsm.*/Lsm = off/; s,^Provider.*,Provider = /var/lib/esclusa/example.so,'
	guest "systemctl start esclusa@c" && fail "control can have code of its own executed"
	guest "systemctl stop esclusa@c; journalctl -b --no-pager -o cat -u esclusa@c |
		grep 'example.so: failed to map'" || fail "no reason: $(systemd_log)"
}

# An unattended boot: the key store is unlocked by what systemd decrypts, for crypto alone.
test_systemd_credential()
{
	systemd_guest
	guest "set -e; umask 077; cd /etc/esclusa; echo a passphrase of the lab >/run/pass
		esclusa key create a.keystore --import a.conf --passphrase-file /run/pass >/dev/null
		esclusa key add-slot a.keystore credential --passphrase-file /run/pass \
			--new-credential-file /run/unlock
		mkdir -p /etc/credstore.encrypted
		systemd-creds encrypt --with-key=host --name=keystore /run/unlock \
			/etc/credstore.encrypted/esclusa-b
		rm /run/unlock /run/pass" || fail "no key store"
	systemd_config b 's,^PrivateKey = .*,Keystore = /etc/esclusa/a.keystore,'
	systemd_start b
	guest "nsenter -t \$(systemctl show -P MainPID esclusa@b) -m ls /run/credentials/esclusa-launch@b.service" &&
		fail "control can see the credential"
	guest "systemctl stop esclusa@b; rm /etc/credstore.encrypted/esclusa-b"
	guest "systemctl start esclusa@b" && fail "the key store opens by itself"
	guest "journalctl -b --no-pager -o cat -u esclusa@b | grep 'no credential.*add-slot'" ||
		fail "no reason: $(systemd_log)"
}
