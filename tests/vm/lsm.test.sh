# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# lsm.test.sh: root against a node whose machine has the BPF LSM layer. The whole site is in the
# guest: LAN host (namespace "lan") - node (the guest itself) - peer ("far", the kernel's WireGuard).
# Each attack is made without the layer first, where it must succeed: that proves the attack.

LSM_KERNEL="lsm=landlock,lockdown,yama,integrity,bpf"
LSM_SECRET='correct horse battery staple'

LIMIT[lsm_unload]=600

# lsm_guest KERNEL-ARGUMENTS
lsm_guest()
{
	image_with_node "$LAB_DIR/initrd" || fail "cannot build the guest's initramfs"
	IMAGE_INITRD=$LAB_DIR/initrd
	GUEST_APPEND=$1
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
		Provider = sodium
		[Peer]
		PublicKey = $(wg pubkey <<<"$peer")
		AllowedIPs = 10.2.0.0/24
		Endpoint = 100.64.1.2:51820
	EOF
}

# lsm_run MODE: the node in the background; returns when packets pass or it has ended.
lsm_run()
{
	guest "rm -f /etc/esclusa/a.conf
		echo $(sed "s/MODE/$1/" "$LAB_DIR/a.conf" | base64 -w 0) | base64 -d >/etc/esclusa/a.conf
		chmod 600 /etc/esclusa/a.conf
		esclusa run /etc/esclusa/a.conf >/run/a.log 2>&1 &
		echo \$! >/run/a.pid
		for i in \$(seq 1000); do
			kill -0 \$(cat /run/a.pid) 2>/dev/null || exit 1
			esclusa show a 2>/dev/null | grep -q '^a: running' && exit 0
			sleep 0.1
		done; exit 1"
}

lsm_node()
{
	lsm_run "$1" || fail "the node with Lsm = $1 does not run: $(guest "cat /run/a.log")"
}

lsm_stop()
{
	guest "kill \$(cat /run/a.pid); for i in \$(seq 1000); do
		kill -0 \$(cat /run/a.pid) 2>/dev/null || exit 0; sleep 0.1; done; exit 1" ||
		fail "the node does not stop: $(guest 'cat /run/a.log')"
}

# lsm_pid DOMAIN
lsm_pid()
{
	guest "esclusa show a -j" | tr -d ' \n' | sed -n "s/.*\"domain\":\"$1\",\"pid\":\([0-9]*\).*/\1/p"
}

# lsm_field NAME: of `esclusa lsm status -j`
lsm_field()
{
	guest "esclusa lsm status -j" | tr -d ' \n"' | sed -n "s/.*[{,]$1:\([^,}]*\).*/\1/p"
}

lsm_ping()
{
	guest "for i in \$(seq 50); do
		nsenter --net=/run/netns/lan ping -q -c 1 -W 1 10.2.0.2 && exit 0; sleep 0.1
		done; exit 1" >/dev/null
}

lsm_works()
{
	lsm_ping || fail "no echo through the node $1: $(guest 'cat /run/a.log')"
}

# guest_says PATTERN COMMAND
guest_says()
{
	local out

	out=$(guest "$2" 2>&1) || true
	grep -q -- "$1" <<<"$out"
}

# lsm_told PATTERN: by what must_fail ran
lsm_told()
{
	grep -q -- "$1" "$LAB_DIR/must_fail.out" ||
		fail "not told '$1': $(cat "$LAB_DIR/must_fail.out")"
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

# Memory, descriptors and registers of all three processes, in every way there is.
test_lsm_processes()
{
	lsm_guest "$LSM_KERNEL"
	lsm_node off
	lsm_works "before the attacks"
	lsm_processes works
	lsm_stop
	lsm_node required
	lsm_works "under the layer"
	guest_says 'kept out by the BPF LSM layer' "esclusa show a" || fail "show does not say so"
	lsm_processes refused
	lsm_works "after the attacks"
}

# The file with the key, the program and its libraries; while the node runs and afterwards.
test_lsm_files()
{
	local lib

	lsm_guest "$LSM_KERNEL"
	lib=$(ldd "$ESCLUSA" | sed -n 's/.*=> \(.*libsodium[^ ]*\).*/\1/p')
	lsm_node off
	works open /etc/esclusa/a.conf
	works link /etc/esclusa/a.conf
	works write "$lib"
	guest "rm /tmp/another; cp $lib /tmp/a; cp $lib /tmp/b"
	works otrunc /tmp/a
	works truncate /tmp/b
	lsm_stop
	works write /bin/esclusa
	lsm_node required
	for attack in open write otrunc link; do
		refused "$attack" /etc/esclusa/a.conf
	done
	must_fail guest "cat /etc/esclusa/a.conf"
	guest "esclusa check /etc/esclusa/a.conf >/dev/null" || fail "esclusa cannot read its file"
	for attack in write otrunc truncate; do
		refused "$attack" "$lib"
	done
	lsm_works "after the attacks"
	lsm_stop
	for attack in write otrunc truncate; do
		refused "$attack" /bin/esclusa
	done
	refused open /etc/esclusa/a.conf
	equal "key files" "$(lsm_field key_files)" 1
	guest "rm /etc/esclusa/a.conf /tmp/another"
	equal "key files when the last name is gone" "$(lsm_field key_files)" 0
	lsm_node required
	lsm_works "from a new file"
}

# A key store stays protected when esclusa itself writes it anew.
test_lsm_keystore()
{
	lsm_guest "$LSM_KERNEL"
	sed -i '/PrivateKey/s/.*/Keystore = \/etc\/esclusa\/k/' "$LAB_DIR/a.conf"
	guest "umask 077; echo a long passphrase >/run/pass
		esclusa key create /etc/esclusa/k --passphrase-file /run/pass >/dev/null" ||
		fail "cannot make a key store"
	works open /etc/esclusa/k
	guest "mkdir -p /run/credentials/a; cp /run/pass /run/credentials/a/esclusa.a"
	lsm_run required || true # it may want its passphrase from elsewhere: the store is known
	refused open /etc/esclusa/k
	guest "umask 077; echo another passphrase >/run/new
		esclusa key change-passphrase /etc/esclusa/k --passphrase-file /run/pass \
			--new-passphrase-file /run/new" >"$LAB_DIR/change" 2>&1 ||
		fail "cannot change the passphrase: $(cat "$LAB_DIR/change")"
	refused open /etc/esclusa/k
	guest "esclusa key verify /etc/esclusa/k --passphrase-file /run/new" >/dev/null ||
		fail "the new passphrase does not open the store"
}

# preload: does a planted library run in esclusa?
preload()
{
	guest_says "planted code runs" "LD_PRELOAD=/planted.so esclusa --version"
}

# Who is esclusa, and what runs in it.
test_lsm_trust()
{
	local lib

	lsm_guest "$LSM_KERNEL"
	lsm_node off
	preload || fail "without the layer, the planted library does not run"
	works traced_exec /bin/esclusa
	guest "cp /bin/esclusa /bin/copy; copy check /etc/esclusa/a.conf >/dev/null" ||
		fail "without the layer, a copy cannot read the file"
	lsm_stop
	lsm_node required
	must_fail preload
	refused traced_exec /bin/esclusa
	must_fail guest "copy check /etc/esclusa/a.conf"
	must_fail guest "/lib64/ld-linux-x86-64.so.2 /bin/esclusa check /etc/esclusa/a.conf"
	guest "esclusa check /etc/esclusa/a.conf >/dev/null" || fail "esclusa is not trusted"
	must_fail guest "copy lsm status"
	must_fail guest "copy run /etc/esclusa/a.conf"
	lsm_works "after the attacks"

	# A library that was exchanged, by an upgrade or an attacker, is not loaded: nothing new starts.
	lib=$(ldd "$ESCLUSA" | sed -n 's/.*=> \(.*libsodium[^ ]*\).*/\1/p')
	guest "cp $lib /run/lib && mv /run/lib $lib"
	must_fail guest "esclusa --version 2>&1 || exit 1" # the loader ends with 127
	lsm_told "failed to map segment"
	lsm_ping || fail "no echo through the node after a library was exchanged"
}

# Maps, programs, links, their pins and the mount that they hang on.
test_lsm_bpf()
{
	lsm_guest "$LSM_KERNEL"
	lsm_node off
	works take_program black
	works obj_get /sys/fs/bpf/esclusa/a/black_cfg
	works load_xdp
	works load_reader
	works load_kprobe
	works attach_tcx black0
	works del_filter black0
	works del_clsact black0
	works write_map black_cfg
	must_fail guest "nsenter --net=/run/netns/lan ping -q -c 2 -W 1 10.2.0.2"
	works unlink /sys/fs/bpf/esclusa/a/black_link
	works detach_links
	lsm_stop
	lsm_node off
	works bind_over /sys/fs/bpf/esclusa
	guest "umount /sys/fs/bpf/esclusa"
	works rename /sys/fs/bpf/esclusa
	guest "mv /sys/fs/bpf/elsewhere /sys/fs/bpf/esclusa; mount --make-rshared /"
	works umount_tree /sys
	must_fail guest "grep -q /sys/fs/bpf /proc/mounts"
	guest "umount /tmp/tree 2>/dev/null; mount --make-rprivate /; mount -t sysfs sys /sys; true"
	lsm_stop
	lsm_node required
	lsm_works "under the layer"
	refused take_program black
	refused obj_get /sys/fs/bpf/esclusa/a/black_cfg
	refused unlink /sys/fs/bpf/esclusa/a/black_link
	refused unlink /sys/fs/bpf/esclusa/@lsm/lsm_state
	refused detach_links
	refused del_filter black0
	refused del_clsact black0
	refused attach_tcx black0
	refused write_map black_cfg
	refused write_map lsm_state
	refused take_program lsm_ptrace
	works load_xdp
	refused load_reader
	refused load_kprobe
	refused rename /sys/fs/bpf/esclusa
	refused bind_over /sys/fs/bpf/esclusa
	refused bind_over /sys/fs/bpf
	refused move_mount /sys/fs/bpf
	refused umount /sys/fs/bpf
	refused umount_lazy /sys/fs/bpf
	refused umount_lazy /sys
	guest "mount --make-rshared /"
	refused umount_tree /sys
	guest "unshare -m sh -c 'mount --make-rslave / && umount -l /sys'" ||
		fail "a private copy of the tree cannot be taken away"
	lsm_works "after the attacks"
	equal "the layer is in force" "$(lsm_field in_force)" true
}

# What would show or change the kernel's memory.
test_lsm_kernel()
{
	lsm_guest "$LSM_KERNEL"
	guest "mount -t tracefs t /sys/kernel/tracing"
	guest "cd /lib/modules/*; file=\$(find . -name cls_bpf.ko); rmmod cls_bpf
		head -c \$((\$(wc -c <\$file) - 28)) \$file >/run/unsigned.ko" # its signature's last words
	works kcore
	works tracefs
	guest "insmod /run/unsigned.ko && rmmod cls_bpf" || fail "without the layer, no unsigned module"
	guest "modprobe cls_bpf"
	lsm_node required
	refused kcore
	refused tracefs
	lsm_stop
	guest "rmmod cls_bpf"
	must_fail guest "insmod /run/unsigned.ko"
	guest "modprobe cls_bpf" || fail "a signed module cannot be loaded any more"
	lsm_node required
	lsm_works "after the attacks"
}

# A kernel that is locked down itself lets no BPF program read its memory, not even the layer's.
test_lsm_locked_kernel()
{
	lsm_guest "$LSM_KERNEL lockdown=confidentiality"
	lsm_node required
	lsm_works "under the layer"
	refused attach "$(lsm_pid crypto)"
	refused write_map black_cfg
	refused umount /sys/fs/bpf
	refused bind_over /sys/fs/bpf/esclusa
	lsm_works "after the attacks"
}

lsm_unload()
{
	guest "echo '$1' | esclusa lsm unload 2>&1"
}

# With the secret, and not without it.
test_lsm_unload()
{
	local pid i

	lsm_guest "$LSM_KERNEL"
	guest "echo '$LSM_SECRET' | esclusa lsm secret" || fail "cannot set the secret"
	lsm_node required
	refused open /etc/esclusa/lsm.secret
	pid=$(lsm_pid crypto)
	refused attach "$pid"
	must_fail lsm_unload "correct horse battery stable"
	refused attach "$pid"
	equal "guesses left" "$(lsm_field guesses_left)" 9
	lsm_unload "$LSM_SECRET" || fail "the secret does not unload it"
	works attach "$pid"
	works open /etc/esclusa/a.conf
	lsm_works "without the layer"
	lsm_stop
	lsm_node required
	pid=$(lsm_pid crypto)
	refused attach "$pid"
	for i in {1..10}; do
		must_fail lsm_unload "guess number $i"
	done
	must_fail lsm_unload "$LSM_SECRET"
	lsm_told "only a reboot"
	refused attach "$pid"
}

# Two nodes that start at the same time, a control that is killed, another build.
test_lsm_nodes()
{
	lsm_guest "$LSM_KERNEL"
	guest "/bin/ip link add red1 type veth peer name lan1
		/bin/ip link add black1 type veth peer name far1
		for d in red1 lan1 black1 far1; do /bin/ip link set \$d up; done
		/bin/ip addr add 100.65.1.1/24 dev black1; /bin/ip addr add 10.9.0.1/24 dev red1"
	sed 's/MODE/required/; s/= a$/= b/; s/black0/black1/; s/red0/red1/; s/51820/51821/' \
		"$LAB_DIR/a.conf" >"$LAB_DIR/b.conf"
	guest "echo $(base64 -w 0 "$LAB_DIR/b.conf") | base64 -d >/run/b.conf; chmod 600 /run/b.conf
		while ! esclusa run /run/b.conf; do sleep 1; done >/run/b.log 2>&1 &"
	lsm_node required
	guest "for i in \$(seq 1000); do esclusa show b 2>/dev/null | grep -q '^b: running' && exit 0
		sleep 0.1; done; exit 1" || fail "the second node does not run: $(guest "cat /run/b.log")"
	equal "nodes that loaded the layer" \
		"$(guest "cat /run/a.log /run/b.log" | grep -c 'BPF LSM layer loaded')" 1
	refused attach "$(guest "pidof esclusa" | tr ' ' '\n' | sort -n | tail -n 1)"
	refused open /run/b.conf
	refused open /etc/esclusa/a.conf

	guest "kill -9 \$(cat /run/a.pid); sleep 0.5"
	refused obj_get /sys/fs/bpf/esclusa/a/black_cfg
	refused open /etc/esclusa/a.conf
	guest "rm /etc/esclusa/a.conf"
	lsm_node required
	lsm_works "after its control was killed"

	guest "cp /bin/esclusa /bin/new; mv /bin/new /bin/esclusa"
	must_fail guest "esclusa run /run/b.conf 2>&1"
	lsm_told "A BPF LSM layer keeps it for the build"
	sed 's/= b$/= c/' "$LAB_DIR/b.conf" >"$LAB_DIR/c.conf"
	guest "umask 077; echo $(base64 -w 0 "$LAB_DIR/c.conf") | base64 -d >/run/c.conf"
	must_fail guest "esclusa run /run/c.conf 2>&1"
	lsm_told "Run 'esclusa lsm unload' with that build, or reboot"
	must_fail guest "esclusa lsm status"
	lsm_ping || fail "no echo through the node after its program was replaced"
}

# A kernel that does not run BPF LSM programs.
test_lsm_absent()
{
	local securityfs

	lsm_guest "lsm=landlock,lockdown,yama,integrity"
	for securityfs in no yes; do
		[ "$securityfs" = no ] || guest "mount -t securityfs s /sys/kernel/security"
		lsm_node auto
		lsm_works "without BPF LSM"
		equal "warnings about the layer" \
			"$(guest "cat /run/a.log" | grep -c 'warning: no BPF LSM layer: .*add bpf to the list lsm=')" 1
		guest_says 'no BPF LSM layer' "esclusa show a" || fail "show does not say so"
		must_fail guest "esclusa lsm status"
		must_fail guest "test -e /sys/fs/bpf/esclusa/@lsm"
		lsm_stop
		must_fail lsm_run required
		guest_says 'Lsm = required.*add bpf to the list lsm=' "cat /run/a.log" ||
			fail "not told what is missing: $(guest "cat /run/a.log")"
	done
}
