# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# systemd.sh: a guest whose first process is systemd, this machine's, with what `make install` puts
# into a package and nothing else of its units than what a service needs to start. Source it after
# image.sh and guest.sh.
#
#	systemd_boot        boots it; then guest COMMAND works as in other guests

SYSTEMD_PROGRAMS='/lib/systemd/systemd /lib/systemd/systemd-journald'
SYSTEMD_TOOLS='systemctl journalctl systemd-sysusers systemd-tmpfiles systemd-creds ip ethtool'

# systemd_place TREE PROGRAM: as image_program, but where this machine has it.
systemd_place()
{
	image_program "$1" "$2" && mkdir -p "$1${2%/*}" && mv "$1/bin/${2##*/}" "$1$2"
}

systemd_units()
{
	local to=$1/lib/systemd/system unit

	mkdir -p "$to" || return
	cp /lib/systemd/system/*.target /lib/systemd/system/systemd-journald* "$to/" || return
	cat >"$to/lab.service" <<-EOF
		[Unit]
		DefaultDependencies=no
		After=basic.target
		[Service]
		ExecStart=/init
	EOF
	printf '[Unit]\nRequires=basic.target\nWants=lab.service systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service\n' >"$to/lab.target"
}

systemd_tree()
{
	local tree=$1 program

	mkdir -p "$tree"/{etc,root,home,sys,proc,dev,run,tmp,var/tmp,var/log,var/lib,usr/bin} || return
	ln -s /run "$tree/var/run"
	for program in $SYSTEMD_PROGRAMS; do
		systemd_place "$tree" "$program" || return
	done
	for program in $SYSTEMD_TOOLS "$ESCLUSA"; do # the last for its libraries
		image_program "$tree" "$program" || return
	done
	rm "$tree/bin/esclusa"
	# Debian's /bin is /usr/bin, this guest's is not.
	install -m 755 "$(command -v busybox)" "$tree/usr/bin/sh" || return
	make -s --no-print-directory -C "$LAB_ROOT" BUILD="$BUILD" DESTDIR="$tree" install || return
	install -D "$PROVIDER_SO" "$tree/usr/lib/esclusa/example.so" || return
	systemd_units "$tree" || return
	echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$tree/etc/group"
	cp /etc/os-release "$tree/etc/"
}

systemd_boot()
{
	local tree=$LAB_DIR/tree

	systemd_tree "$tree" >"$LAB_DIR/tree.log" 2>&1 ||
		fail "cannot build the guest's file system: $(tail -n 3 "$LAB_DIR/tree.log")"
	(cd "$tree" && find . | cpio -o -H newc --quiet -R 0:0) >"$LAB_DIR/tree.cpio"
	cat "$IMAGE_INITRD" "$LAB_DIR/tree.cpio" >"$LAB_DIR/initrd"
	rm -rf "$tree" "$LAB_DIR/tree.cpio"
	IMAGE_INITRD=$LAB_DIR/initrd
	GUEST_APPEND="systemd.unit=lab.target"
	GUEST_MEMORY=768
	guest_boot net systemd0 52:54:00:00:00:02 || fail "the guest does not work"
}
