# SPDX-License-Identifier: BSD-2-Clause
"""router_wire.py: does what a node in router mode sent into the internet tell of its LAN?

    router_wire.py FILE.pcap [SPLIT TUNNELLED]

Judges each frame by itself, without knowing rules or connections. Exit 0: no packet of or for a
secure prefix in clear, no address of the LAN but those that are global, all IPv4 from the node's
own address, and at least so many packets beside and inside of tunnels (the capture is no proof if
nothing was sent). Else the first ten that are wrong are printed.
"""
import collections
import ipaddress
import struct
import sys

import packet
from wire import frames, udp_kind

OWN = ["100.64.1.1/32", "2001:db8:1::1/128", "2001:db8:a1::/64"]
# The LAN, the secure prefixes, nobody's. Other private networks may be where the black NIC is.
SECRET = ["10.1.0.0/24", "10.2.0.0/16", "fd00:1::/64", "fd00:2::/32", "127.0.0.0/8", "::1/128"]


def nets(texts):
    return [ipaddress.ip_network(t) for t in texts]


OWN, SECRET = nets(OWN), nets(SECRET)


def within(address, networks):
    a = ipaddress.ip_address(address)
    return any(a.version == n.version and a in n for n in networks)


def ends(p, source, target):
    """What is wrong with a pair of addresses, where `source` is on the node's side."""
    for a in (source, target):
        if within(a, SECRET):
            return "address %s" % a
    if not within(source, OWN):
        return "%s is not the node's" % source
    return None


def neighbour(p):
    return p.protocol == packet.ICMP6 and 133 <= getattr(p, "kind", 0) <= 137 and p.ttl == 255


def judge(frame):
    """(kind, what is wrong or None)"""
    ethertype = frame[12:14]
    if ethertype == b"\x08\x06":
        sender = packet.text(frame[28:32])
        return "arp", None if sender in ("100.64.1.1", "0.0.0.0") else "ARP of %s" % sender
    p = packet.parse(frame[14:]) if ethertype in (b"\x08\x00", b"\x86\xdd") else None
    if not p:
        return "other", "neither IP nor ARP"
    if neighbour(p):
        return "nd", "neighbour %s" % p.source if within(p.source, SECRET) else None
    wrong = ends(p, p.source, p.target)
    if not wrong and not p.offset and packet.is_error(p):
        inner = packet.parse(p.payload.ljust(60, b"\0"))
        wrong = ends(p, inner.target, inner.source) if inner else None
        wrong = wrong and "an error that tells of " + wrong
    if p.protocol == packet.UDP and not p.offset and udp_kind(p.body) != "other" and p.sport == 51820:
        return "tunnel", wrong
    return "split", wrong


def main(path, split="0", tunnelled="0"):
    counts, wrong = collections.Counter(), []
    for number, frame in enumerate(frames(path), 1):
        kind, why = judge(frame)
        counts[kind] += 1
        if why:
            wrong.append("frame %d: %s: %s" % (number, why, frame[:100].hex()))
    print(dict(counts), "wrong:", len(wrong))
    print("\n".join(wrong[:10]))
    if wrong or counts["split"] < int(split) or counts["tunnel"] < int(tunnelled):
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
