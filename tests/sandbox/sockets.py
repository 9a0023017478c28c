# SPDX-License-Identifier: BSD-2-Clause
"""sockets.py: network sockets of processes and of the network namespaces that they are in.

    sockets.py PID...     one line per socket that can hear a network; exit 1 if there is any

A socket in a process's hands is named by the kernel (the attribute system.sockprotoname of its
file); one that nobody holds, or somebody else in the namespace, is found in the namespace's tables.
"""
import os
import sys

# Local, netlink, and the AF_XDP sockets that XDP programs give frames to.
HARMLESS = {"UNIX", "UNIX-STREAM", "NETLINK", "XDP"}
# What a kernel was built without has no table.
TABLES = "tcp tcp6 udp udp6 udplite udplite6 raw raw6 icmp icmp6 packet sctp/eps".split()


def held(pid):
    folder = "/proc/%s/fd" % pid
    for fd in os.listdir(folder):
        path = os.path.join(folder, fd)
        try:
            if not os.readlink(path).startswith("socket:"):
                continue
            name = os.getxattr(path, "system.sockprotoname").rstrip(b"\0").decode()
        except FileNotFoundError:  # closed since: of whoever asked the node something
            continue
        yield name, "process %s, descriptor %s: %s" % (pid, fd, name)


def listed(pid):
    for table in TABLES:
        try:
            with open("/proc/%s/net/%s" % (pid, table), encoding="ascii") as f:
                for line in f.readlines()[1:]:  # the first is a heading
                    yield "namespace of process %s, %s: %s" % (pid, table, line.strip())
        except FileNotFoundError:
            pass


def main(pids):
    seen = [s for pid in pids for s in held(pid)]
    bad = [text for name, text in seen if name not in HARMLESS]
    bad += [text for pid in pids for text in listed(pid)]
    # What finds nothing at all does not look in the right place.
    kinds = {name for name, _ in seen}
    if not {"UNIX-STREAM", "NETLINK", "XDP"} <= kinds:
        bad.append("only these were found: %s" % " ".join(sorted(kinds)))
    print("\n".join(bad) if bad else "%d sockets, of kinds %s" % (len(seen), sorted(kinds)))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main(sys.argv[1:])
