# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# guest.sh: a Linux guest under QEMU's software emulation and a way to run commands in it. Source
# it after lab.sh and image.sh, then
#
#	guest_boot NS TAP MAC         boot it with its only NIC on a tap device in a namespace
#	guest ip link show            run shell commands there: their output and exit status
#
# The guest is one of the lab's processes: it goes when the lab is closed.

GUEST_MEMORY=256	# MiB
GUEST_APPEND=		# to the kernel's command line
GUEST_BOOT_SECONDS=300
GUEST_COMMAND_SECONDS=300
GUEST_PID=
GUEST_SERIAL=0

guest_boot()
{
	local ns=$1 tap=$2 mac=$3

	at "$ns" ip tuntap add "$tap" mode tap
	lab_ip "$ns" link set "$tap" up
	mkfifo "$LAB_DIR/guest.in" "$LAB_DIR/guest.out"
	# vnet_hdr=off: no checksum or segmentation is left to others, the guest's frames are whole.
	bg "$ns" "$LAB_DIR/qemu.log" nice -n 5 qemu-system-x86_64 -accel tcg -cpu max -m "$GUEST_MEMORY" \
		-nodefaults -no-user-config -no-reboot -display none -monitor none \
		-kernel "$IMAGE_KERNEL" -initrd "$IMAGE_INITRD" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off $GUEST_APPEND" \
		-serial "file:$LAB_DIR/guest.console" \
		-chardev "pipe,id=commands,path=$LAB_DIR/guest" -serial chardev:commands \
		-netdev "tap,id=wire,ifname=$tap,script=no,downscript=no,vnet_hdr=off" \
		-device "virtio-net-pci,netdev=wire,mac=$mac,romfile="
	GUEST_PID=$BG
	exec {GUEST_OUT}<>"$LAB_DIR/guest.out" {GUEST_IN}<>"$LAB_DIR/guest.in"
	guest_answer boot "$GUEST_BOOT_SECONDS" >"$LAB_DIR/guest.release" && return
	echo "the guest did not boot:"
	cat "$LAB_DIR/qemu.log"
	tail -n 20 "$LAB_DIR/guest.console"
	return 1
}

# guest_answer ID SECONDS: the output of command ID without its empty lines (one may be the guest's
# own); its status, or 124 after that many seconds.
guest_answer()
{
	local id=$1 end=$((SECONDS + $2)) line='' part begun=

	while [ "$SECONDS" -lt "$end" ]; do
		if ! IFS= read -r -t 1 -u "$GUEST_OUT" part; then
			line+=$part	# what there is of a line when the second is over
			kill -0 "$GUEST_PID" 2>/dev/null || break
			continue
		fi
		line+=$part
		case $line in
		"@begin $id") begun=1 ;;
		"@end $id "*) return "${line##* }" ;;
		"") ;;
		*) [ -z "$begun" ] || printf '%s\n' "$line" ;;
		esac
		line=
	done
	return 124
}

guest()
{
	local id

	# $BASHPID: a caller in $(...) counts for itself only.
	GUEST_SERIAL=$((GUEST_SERIAL + 1))
	id=$BASHPID.$GUEST_SERIAL
	printf '%s %s\n' "$id" "$(base64 -w 0 <<<"$*")" >&"$GUEST_IN"
	guest_answer "$id" "$GUEST_COMMAND_SECONDS"
}

# guest_nic SITE: the guest takes a site's place on the black side. Its NIC is SITE0 of the router.
guest_nic()
{
	local s=$1 n

	n=$(site_number "$s")
	guest_boot net "${s}0" "52:54:00:00:00:$(printf %02x "$n")" || return
	lab_addr net "${s}0" "100.64.$n.254/24" "2001:db8:$n::ffff/64"
	guest "ip link set eth0 up && ip addr add 100.64.$n.1/24 dev eth0 &&
		ip -6 addr add 2001:db8:$n::1/64 dev eth0 &&
		ip route add default via 100.64.$n.254 &&
		ip -6 route add default via 2001:db8:$n::ffff &&
		until ping -c 1 -W 1 100.64.$n.254 && ping -c 1 -W 1 2001:db8:$n::ffff; do
			sleep 0.1
		done" >/dev/null
}

# guest_wg SITE REMOTE: a new interface wgSITE with the keys and peers of SITE's file. Its addresses
# are those of a host of that site; what they send goes through this interface, whatever
# others the guest has, and what the guest sends of itself through the one made first.
guest_wg()
{
	local s=$1 n r conf

	n=$(site_number "$s")
	r=$(site_number "$2")
	conf=$(node_stripped "$s" | base64 -w 0)
	guest "ip link del wg$s 2>/dev/null; ip link add wg$s type wireguard &&
		echo $conf | base64 -d >/run/$s.conf && wg setconf wg$s /run/$s.conf &&
		ip addr add 10.$n.0.2/32 dev wg$s && ip -6 addr add fd00:$n::2/128 dev wg$s &&
		ip link set wg$s up" || return
	guest "for f in '-4 10.$n.0.2 10.$r.0.0/16' '-6 fd00:$n::2 fd00:$r::/32'; do
			set -- \$f
			ip \$1 rule del table $n 2>/dev/null
			ip \$1 rule add from \$2 table $n
			ip \$1 route add \$3 dev wg$s table $n
			ip \$1 route add \$3 dev wg$s src \$2 metric $n
		done"
}

# guest_listens PORT [NAMESPACE]: somebody there takes TCP connections.
guest_listens()
{
	guest "${2:+nsenter --net=/run/netns/$2 }cat /proc/net/tcp /proc/net/tcp6" |
		grep ":$(printf %04X "$1") [0-9A-F:]* 0A " >/dev/null
}

# guest_ping ADDRESS [OPTIONS...]: every echo must come back.
guest_ping()
{
	local to=$1 out

	shift
	out=$(guest "ping -q -W 2 $* $to") || fail "guest: ping $* $to: $out"
	case $out in
	*" 0% packet loss"*) ;;
	*) fail "guest: ping $* $to: $out" ;;
	esac
}

guest_reaches()
{
	guest "ping -q -c 1 -W 1 $1" >/dev/null
}

# guest_handshake SITE: UNIX time of the last handshake of its only peer.
guest_handshake()
{
	guest "wg show wg$1 latest-handshakes" | awk 'NF == 2 { print $2 }'
}
