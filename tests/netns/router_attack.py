# SPDX-License-Identifier: BSD-2-Clause
"""router_attack.py: what somebody in the internet, who sees no packet, tries against the LAN.

    router_attack.py TAG ATTACK...

Each attack watches the LAN and the wire: nothing of it arrives, nothing is answered, and the
connection that it is about goes on.
"""
import random
import sys
import time

import packet
from packet import ACK, FIN, ICMP, ICMP6, RST, SYN, TCP, UDP
from space import (LAN4, LAN4B, LAN6, LAN6B, OWN4, OWN6, SRV4, SRV4B, SRV6, SRV6B, check, main,
                   nothing, received)

PORT = 43001
GATE4, GATE6 = "10.1.0.1", "2001:db8:a1::1"


def burst(lab, packets):
    """Not faster than the node's receive queue is emptied."""
    for n, p in enumerate(packets):
        lab.outside.send(p)
        if n % 64 == 63:
            time.sleep(0.0005)


def lan_quiet(lab, what, fits=lambda p: True):
    lab.inside.quiet(what, lambda p: fits(p) and p.source not in (GATE4, GATE6))


# --- scans

def probes(source, target, ports):
    for port in ports:
        yield packet.ip(source, target, TCP, packet.tcp(61000, port, SYN, 7))
        yield packet.ip(source, target, UDP, packet.udp(61000, port))


def let_in(lab, source, target, port):
    """An open port: the LAN host refuses, and the internet hears it. One probe of many may be lost."""
    for _ in range(100):
        lab.outside.send(packet.ip(source, target, TCP, packet.tcp(61000, port, SYN, 7)))
        if lab.outside.wait(lambda p: p.source == target and p.sport == port, 0.2):
            return
    sys.exit("no answer from port %d of %s" % (port, target))


def answered(lab, target):
    """Ports of a target that anything came back from."""
    return {p.sport or p.protocol for p in lab.outside.received(0.3)
            if p.source == target or packet.is_error(p)}


def scan_all_ports(lab):
    """Every port of the black address, while hosts behind it have mappings; 8080 is forwarded."""
    sockets = [lab.lan.udp(LAN4, PORT + n) for n in range(5)]
    for s in sockets:
        lab.mapping(s)
    found = set()
    let_in(lab, SRV4B, OWN4, 8080)
    lab.outside.drain()
    for low in range(0, 65536, 4096):
        burst(lab, probes(SRV4B, OWN4, range(low, low + 4096)))
        found |= answered(lab, OWN4)
    check("other ports that answer", found - {8080}, set())


def scan_ipv6(lab):
    """Hosts of the LAN by their global addresses, and the node; port 443 of one is open."""
    ports = list(range(1, 1025)) + [3389, 5353, 8080, 8443, 51820]
    let_in(lab, SRV6B, LAN6, 443)
    for target in (LAN6, LAN6B, OWN6, GATE6, "2001:db8:a1::77", "fd00:1::2", "fd00:1::1"):
        lab.inside.drain()
        burst(lab, probes(SRV6B, target, ports))
        found = answered(lab, target) - ({443} if target == LAN6 else set())
        check("ports of %s that answer" % target, found, set())
        lan_quiet(lab, "of a scan of %s, in the LAN" % target, lambda p: p.dport != 443)


def pings(lab):
    """Echo to the node and to hosts behind it, whole and in pieces."""
    for source, target in ((SRV4B, OWN4), (SRV6B, OWN6), (SRV6B, LAN6), (SRV6B, GATE6)):
        family, protocol = (6, ICMP6) if ":" in source else (4, ICMP)
        for size in (0, 100, 1400):
            lab.outside.send(packet.ip(source, target, protocol,
                                       packet.echo(family, 7, 1, bytes(size))))
        for piece in packet.fragments(source, target, protocol,
                                      packet.echo(family, 7, 2, bytes(2000)), 99, 1000):
            lab.outside.send(piece)
    lab.outside.quiet("answer to an echo", lambda p: p.target in (SRV4B, SRV6B))
    lan_quiet(lab, "an echo in the LAN")


# --- forged answers

def forged_replies(lab):
    for source, target, other in ((LAN4, SRV4, SRV4B), (LAN6, SRV6, SRV6B)):
        s = lab.lan.udp(source, PORT)
        seen, server = lab.mapping(s, target)
        lab.inside.drain()
        attempts = [packet.ip(other, seen[0], UDP, packet.udp(3478, seen[1], b"forged"))]
        attempts += [packet.ip(target, seen[0], UDP, packet.udp(port, seen[1], b"forged"))
                     for port in (3477, 3479, 53, 0, 65535)]
        attempts += [packet.ip(target, seen[0], UDP, packet.udp(3478, seen[1] + d, b"forged"))
                     for d in (-1, 1, 256, 1000)]
        attempts += [packet.ip(target, seen[0], TCP, packet.tcp(3478, seen[1], flags, 1, 1))
                     for flags in (SYN, SYN | ACK, ACK, RST, FIN)]
        burst(lab, attempts)
        lan_quiet(lab, "a forged reply in the LAN")
        server.sendto(b"real", seen)
        received(s, "the real reply", b"real")


def impossible_sources(lab):
    """From the internet with addresses of the LAN, of the node, of nobody."""
    s = lab.lan.udp(LAN4, PORT)
    seen, server = lab.mapping(s)
    s6 = lab.lan.udp(LAN6, PORT)
    seen6, server6 = lab.mapping(s6, SRV6)
    lab.inside.drain()
    lab.outside.drain()
    burst(lab, [packet.ip(source, target, UDP, packet.udp(3478, port, b"forged"))
                for source in (LAN4, LAN4B, GATE4, OWN4, "127.0.0.1", "0.0.0.0", "224.0.0.1",
                               "255.255.255.255", "10.2.0.2")
                for target in (OWN4, LAN4, LAN4B, "10.1.0.255", "127.0.0.1", "255.255.255.255")
                for port in (seen[1], 8080, 3478)])
    burst(lab, [packet.ip(source, target, UDP, packet.udp(3478, port, b"forged"))
                for source in (LAN6, LAN6B, GATE6, OWN6, "::1", "::", "ff02::1", "fe80::1",
                               "fd00:2::2", "fd00:1::3")
                for target in (LAN6, LAN6B, "fd00:1::2", "ff02::1", OWN6)
                for port in (seen6[1], 443, 3478)])
    lan_quiet(lab, "from an impossible source, in the LAN")
    lab.outside.quiet("an answer to an impossible source", lambda p: p.protocol in (UDP, TCP))
    for one, sock, to in ((server, s, seen), (server6, s6, seen6)):
        one.sendto(b"real", to[:2])
        received(sock, "the real reply", b"real")


def forged_errors(lab):
    """ICMP errors that would end or slow a TCP connection down, about segments that were not sent
    (RFC 5927)."""
    rng = random.Random(5)
    listener, client = lab.srv.listen(SRV4, 8000), lab.lan.tcp(LAN4, PORT)
    lab.outside.drain()
    client.connect((SRV4, 8000))
    server, seen = listener.accept()
    syn = lab.outside.wait(lambda p: p.protocol == TCP)
    client.sendall(b"x")
    server.recv(1)
    lab.inside.drain()
    attempts = []
    for kind, code, rest in ((3, 1, 0), (3, 2, 0), (3, 3, 0), (3, 4, 576), (3, 4, 68), (11, 0, 0)):
        for sport, dport, target in ((seen[1], 8001, SRV4), (seen[1] + 1, 8000, SRV4),
                                     (seen[1], 8000, SRV4B), (8000, seen[1], SRV4)):
            about = packet.ip(OWN4, target, TCP, packet.tcp(sport, dport, ACK, syn.seq + 1))
            attempts.append(packet.error("100.64.1.254", OWN4, kind, code, rest, about))
        for _ in range(20):  # the right connection, a guessed sequence number
            guess = syn.seq + 1 + rng.randrange(1 << 24, (1 << 32) - (1 << 24))
            about = packet.ip(OWN4, SRV4, TCP, packet.tcp(seen[1], 8000, ACK, guess))
            attempts.append(packet.error("100.64.1.254", OWN4, kind, code, rest, about))
    burst(lab, attempts)
    lan_quiet(lab, "a forged error in the LAN", packet.is_error)
    client.sendall(b"goes on")
    check("the connection after forged errors", server.recv(100), b"goes on")


def fragments_without_first(lab):
    s = lab.lan.udp(LAN4, PORT)
    seen, server = lab.mapping(s)
    s6 = lab.lan.udp(LAN6, PORT)
    seen6, server6 = lab.mapping(s6, SRV6)
    lab.inside.drain()
    for source, target, port in ((SRV4, OWN4, seen[1]), (SRV6, LAN6, seen6[1])):
        for ident in range(20):
            body = packet.udp(3478, port, bytes(3000))
            burst(lab, packet.fragments(source, target, UDP, body, ident, 1400)[1:])
        tiny = packet.fragments(source, target, TCP, packet.tcp(3478, port, SYN, 1), 77, 8)
        burst(lab, tiny)  # ports in the first, flags in the second
    lan_quiet(lab, "a fragment without its first, in the LAN")
    for one, sock, to in ((server, s, seen), (server6, s6, seen6)):
        one.sendto(bytes(2500), to[:2])
        received(sock, "the real one, in pieces", bytes(2500))


def many_strangers(lab):
    """Packets of 20000 sources that nobody asked: no table of theirs fills, the LAN works."""
    s = lab.lan.udp(LAN4, PORT)
    seen, server = lab.mapping(s)
    lab.inside.drain()
    rng = random.Random(6)
    burst(lab, (packet.ip("203.0.%d.%d" % (rng.randrange(256), rng.randrange(1, 255)), OWN4,
                          rng.choice((TCP, UDP)), packet.tcp(rng.randrange(65536), seen[1], SYN, n))
                for n in range(20000)))
    lan_quiet(lab, "a stranger in the LAN")
    server.sendto(b"real", seen)
    received(s, "the real reply", b"real")
    other = lab.lan.udp(LAN4, PORT + 1)
    lab.mapping(other, port=3479)
    nothing(other, "unexpected")


main(globals())
