# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# lsm.test.sh: root against a node whose machine has the BPF LSM layer. The whole site is in the
# guest: LAN host (namespace "lan") - node (the guest itself) - peer ("far", the kernel's WireGuard).
# Each attack is made without the layer first, where it must succeed: that proves the attack.

LSM_KERNEL="lsm=landlock,lockdown,yama,integrity,bpf"
LSM_SECRET='correct horse battery staple'

# lsm_guest [KERNEL-ARGUMENTS]
lsm_guest()
{
	image_with_node "$LAB_DIR/initrd" || fail "cannot build the guest's initramfs"
	IMAGE_INITRD=$LAB_DIR/initrd
	GUEST_APPEND=${1:-$LSM_KERNEL}
	GUEST_MEMORY=512
	guest_boot net lsm0 52:54:00:00:00:01 || fail "the guest does not work"
	lsm_site
}

lsm_site()
{
	local key peer ip=/bin/ip	# iproute2; busybox prefers its own to what PATH says

	key=$(wg genkey)
	peer=$(wg genkey)
	guest "modprobe -a veth sch_ingress cls_bpf
		mkdir -p /etc/esclusa /var/lib /root; ln -s /run /var/run
		set -e
		$ip netns add lan; $ip netns add far
		$ip link add red0 type veth peer name lan0 netns lan
		$ip link add black0 type veth peer name far0 netns far
		for d in red0 black0; do ethtool -K \$d tx off gro on; $ip link set \$d up; done
		$ip addr add 10.1.0.1/24 dev red0; $ip addr add 100.64.1.1/24 dev black0
		$ip -n lan addr add 10.1.0.2/24 dev lan0; $ip -n far addr add 100.64.1.2/24 dev far0
		nsenter --net=/run/netns/lan ethtool -K lan0 tx off gro on
		nsenter --net=/run/netns/far ethtool -K far0 tx off gro on
		$ip -n lan link set lan0 up; $ip -n far link set far0 up
		$ip -n lan route add default via 10.1.0.1
		$ip -n far link add wg0 type wireguard
		printf '[Interface]\nPrivateKey = $peer\nListenPort = 51820\n\n[Peer]\nPublicKey = %s
AllowedIPs = 10.1.0.0/24\nEndpoint = 100.64.1.1:51820\n' $(wg pubkey <<<"$key") >/run/far.conf
		nsenter --net=/run/netns/far wg setconf wg0 /run/far.conf
		$ip -n far addr add 10.2.0.2/32 dev wg0; $ip -n far link set wg0 up
		$ip -n far route add 10.1.0.0/24 dev wg0" >"$LAB_DIR/site" ||
		fail "the guest's site cannot be made: $(cat "$LAB_DIR/site")"
	cat >"$LAB_DIR/a.conf" <<-EOF
		[Interface]
		PrivateKey = $key
		ListenPort = 51820
		[Node]
		Name = a
		Black = black0
		Red = red0
		Lsm = MODE
		[Peer]
		PublicKey = $(wg pubkey <<<"$peer")
		AllowedIPs = 10.2.0.0/24
		Endpoint = 100.64.1.2:51820
	EOF
}

# lsm_run MODE: the node in the background; returns when packets pass or it has ended.
lsm_run()
{
	guest "echo $(sed "s/MODE/$1/" "$LAB_DIR/a.conf" | base64 -w 0) | base64 -d >/etc/esclusa/a.conf
		chmod 600 /etc/esclusa/a.conf
		esclusa run /etc/esclusa/a.conf >/run/a.log 2>&1 &
		echo \$! >/run/a.pid
		for i in \$(seq 300); do
			kill -0 \$(cat /run/a.pid) 2>/dev/null || exit 1
			esclusa show a 2>/dev/null | grep -q '^a: running' && exit 0
			sleep 0.1
		done; exit 1"
}

lsm_node()
{
	lsm_run "$1" || fail "the node with Lsm = $1 does not run: $(guest 'cat /run/a.log')"
}

lsm_stop()
{
	guest 'kill $(cat /run/a.pid); for i in $(seq 100); do
		kill -0 $(cat /run/a.pid) 2>/dev/null || exit 0; sleep 0.1; done; exit 1' ||
		fail "the node does not stop: $(guest 'cat /run/a.log')"
}

# lsm_pid DOMAIN
lsm_pid()
{
	guest "esclusa show a -j" | tr -d ' \n' | sed -n "s/.*\"domain\":\"$1\",\"pid\":\([0-9]*\).*/\1/p"
}

lsm_ping()
{
	guest "for i in \$(seq ${1:-50}); do
		nsenter --net=/run/netns/lan ping -q -c 1 -W 1 10.2.0.2 && exit 0; sleep 0.1
		done; exit 1" >/dev/null
}

lsm_works()
{
	lsm_ping || fail "no echo through the node $1: $(guest 'cat /run/a.log')"
}

# works|refused ATTACK [ARGUMENTS...]
works()
{
	local out

	out=$(guest "attack $*") || fail "without the layer, $out"
	echo "without: $out"
}

refused()
{
	local out status=0

	out=$(guest "attack $*") || status=$?
	[ "$status" -eq 1 ] || fail "with the layer, $out"
	echo "with: $out"
}

lsm_processes()
{
	local say=$1 domain pid attack

	for domain in crypto red control; do
		pid=$(lsm_pid "$domain")
		[ -n "$pid" ] || fail "no process number of $domain"
		echo "--- $domain"
		for attack in attach seize readv writev mem maps environ auxv exe fd samples; do
			"$say" "$attack" "$pid"
		done
		"$say" getfd "$pid" 2
	done
}

test_lsm_processes()
{
	lsm_guest
	lsm_node off
	lsm_works "before the attacks"
	lsm_processes works
	lsm_stop
	lsm_node required
	lsm_works "under the layer"
	lsm_processes refused
	lsm_works "after the attacks"
	guest "esclusa lsm status"
}
