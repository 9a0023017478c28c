# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# image.sh: what the guest boots: Debian's cloud kernel, fetched as a package but never installed,
# and an initramfs of busybox, `wg` and the few modules that WireGuard over virtio and a node on
# cables (veth) need. Both stay in $BUILD/vm. Source it, then
#
#	why=$(image_make) || skip "$why"
#	image_with_node FILE	an initramfs with the node's program and what attacks it
#
# Its functions say on stdout why they failed; each step's own output is in $BUILD/vm/image.log.

IMAGE_DIR=${BUILD:?}/vm
IMAGE_KERNEL=$IMAGE_DIR/vmlinuz
IMAGE_INITRD=$IMAGE_DIR/initrd
IMAGE_LOG=$IMAGE_DIR/image.log
IMAGE_MODULES='virtio_pci virtio_net wireguard veth sch_ingress cls_bpf'

image_make()
{
	local tool

	if [ "$(uname -m)" != x86_64 ]; then
		echo "the guest's kernel is for x86_64, this machine is $(uname -m)"
		return 1
	fi
	for tool in apt-get dpkg-deb busybox cpio flock wg xz; do
		command -v "$tool" >/dev/null && continue
		echo "no $tool; install it with: make deps"
		return 1
	done
	mkdir -p "$IMAGE_DIR" || return
	# Tests run side by side: the first one works, the others wait and find it done.
	(flock 9 && image_update) 9>"$IMAGE_DIR/lock"
}

image_update()
{
	local older

	[ -s "$IMAGE_KERNEL" ] || image_kernel || return
	for older in "$IMAGE_KERNEL" "$VM_HERE/guest-init" "$VM_HERE/image.sh"; do
		[ "$IMAGE_INITRD" -nt "$older" ] && continue
		image_initrd
		return
	done
}

# A network that is slow or away for a moment is asked again, one that is away is not waited for.
image_apt()
{
	timeout 100 apt-get -q -o Acquire::Retries=3 -o Acquire::http::Timeout=20 \
		-o DPkg::Lock::Timeout=30 -o APT::Sandbox::User=root "$@"
}

# The package that linux-image-cloud-amd64 stands for today.
image_download()
{
	local package

	package=$(apt-cache depends linux-image-cloud-amd64 |
		sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)$/\1/p')
	[ -n "$package" ] || return
	(cd "$IMAGE_DIR" && image_apt download "${package%%$'\n'*}")
}

# A machine whose package lists are missing or name a version that is gone gets an update.
image_fetch()
{
	local end=$((SECONDS + 200))

	rm -rf "$IMAGE_DIR/root" "$IMAGE_DIR"/*.deb
	until image_download; do
		[ "$SECONDS" -lt "$end" ] || return
		image_apt update || true
		sleep 2
	done
	dpkg-deb -x "$IMAGE_DIR"/linux-image-*.deb "$IMAGE_DIR/root" || return
	rm -f "$IMAGE_DIR"/*.deb
}

image_kernel()
{
	local boot failed=$IMAGE_DIR/failed

	if [ -z "$(find "$failed" -mmin -15 2>/dev/null)" ]; then # else others have just tried, for minutes
		touch "$failed"
		! image_fetch >"$IMAGE_LOG" 2>&1 || rm "$failed"
	fi
	if [ -e "$failed" ]; then
		echo "cannot fetch Debian's cloud kernel, see $IMAGE_LOG"
		return 1
	fi
	boot=$(echo "$IMAGE_DIR"/root/boot/vmlinuz-*)
	echo "${boot##*/vmlinuz-}" >"$IMAGE_DIR/version"
	mv "$boot" "$IMAGE_KERNEL"
}

# image_needed DEP: IMAGE_MODULES and what they depend on, one path per line, out of a modules.dep.
image_needed()
{
	local m

	for m in $IMAGE_MODULES; do
		grep "/$m\.ko:" "$1" || return
	done | tr -d : | tr -s ' ' '\n' | sort -u
}

# image_modules TREE: the needed modules, with a modules.dep of their own.
image_modules()
{
	local tree=$1 version from to file

	version=$(cat "$IMAGE_DIR/version") || return
	from=$IMAGE_DIR/root/lib/modules/$version
	[ -d "$from" ] || from=$IMAGE_DIR/root/usr/lib/modules/$version
	to=$tree/lib/modules/$version
	find "$from" -name '*.ko.xz' -exec xz -d {} + || return
	busybox depmod -b "${from%/lib/modules/*}" "$version" || return
	image_needed "$from/modules.dep" >"$IMAGE_DIR/modules" || return
	while read -r file; do
		install -D -m 644 "$from/$file" "$to/$file" || return
	done <"$IMAGE_DIR/modules"
	busybox depmod -b "$tree" "$version"
}

# image_program TREE PROGRAM: with the libraries that it is linked to.
image_program()
{
	local tree=$1 program lib

	program=$(command -v "$2") || return
	install -D -m 755 "$program" "$tree/bin/${2##*/}" || return
	for lib in $(ldd "$program" | grep -o '/[^ ]*'); do
		install -D -m 755 "$(readlink -f "$lib")" "$tree$lib" || return
	done
}

# image_tree TREE: all that the guest has.
image_tree()
{
	local tree=$1

	mkdir -p "$tree"/{bin,dev,proc,sys,tmp,run} &&
		install -m 755 "$(command -v busybox)" "$tree/bin/busybox" &&
		install -m 755 "$VM_HERE/guest-init" "$tree/init" &&
		image_program "$tree" wg && image_modules "$tree"
}

# image_with_node FILE: the initramfs, and behind it a second one that is as new as the build.
image_with_node()
{
	local tree program

	tree=$(mktemp -d "$LAB_DIR/tree.XXXXXX")
	mkdir "$tree/bin"
	for program in ip ethtool "$ESCLUSA" "$BUILD/tests/vm/attack"; do
		image_program "$tree" "$program" 2>/dev/null || return
	done
	install -m 644 "$BUILD/tests/vm/planted.so" "$tree/planted.so" || return
	(cd "$tree" && find . | cpio -o -H newc --quiet -R 0:0) >"$tree.cpio" || return
	cat "$IMAGE_INITRD" "$tree.cpio" >"$1"
	rm -rf "$tree" "$tree.cpio"
}

image_initrd()
{
	local tree status=0

	tree=$(mktemp -d "$IMAGE_DIR/tree.XXXXXX") || return
	if image_tree "$tree" >"$IMAGE_LOG" 2>&1 &&
		(cd "$tree" && find . | cpio -o -H newc --quiet -R 0:0) >"$tree.cpio"; then
		mv "$tree.cpio" "$IMAGE_INITRD"
	else
		echo "cannot build the guest's initramfs, see $IMAGE_LOG"
		status=1
	fi
	rm -rf "$tree" "$tree.cpio"
	return $status
}
