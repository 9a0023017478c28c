# SPDX-License-Identifier: BSD-2-Clause
"""rfc5508.py: NAT behaviour for ICMP; one function for each requirement of RFC 5508 that a client
and servers can see. docs/nat.md says which are followed, and which are not and why.

    rfc5508.py TAG REQUIREMENT...
"""
import sys

import packet
from packet import ICMP, ICMP6, TCP, UDP
from space import (LAN4, LAN4B, LAN6, OWN4, SRV4, SRV4B, SRV6, check, main, nothing, received)

PORT = 42001
IDENT = 0x4242


def ping(lab, wire, source, target, ident, seq=1):
    """An echo of the LAN as the server's kernel answers it: (request outside, reply in the LAN)."""
    lab.outside.drain()
    wire.drain()
    family = 6 if ":" in source else 4
    wire.send(packet.ip(source, target, ICMP6 if family == 6 else ICMP,
                        packet.echo(family, ident, seq)))
    out = lab.outside.wait(lambda p: p.target == target and p.protocol in (ICMP, ICMP6))
    if not out:
        sys.exit("the echo request did not leave")
    back = wire.wait(lambda p: p.source == target and p.target == source)
    if not back:
        sys.exit("the echo reply did not come back")
    return out, back


def lan2_wire(lab):
    return lab.lan2.wire("lan0", lab.node.mac("red0"))


def req1_echoes_are_mapped(lab):
    """Endpoint-independent, two hosts with one identifier apart, no identifier shared."""
    first, back = ping(lab, lab.inside, LAN4, SRV4, IDENT)
    check("reply's identifier and sequence", back.rest, IDENT << 16 | 1)
    check("the request's source", first.source, OWN4)
    again, _ = ping(lab, lab.inside, LAN4, SRV4B, IDENT, 2)
    check("identifier towards another server", again.sport, first.sport)
    other, back = ping(lab, lan2_wire(lab), LAN4B, SRV4, IDENT, 3)
    check("identifier that the second host gets back", back.sport, IDENT)
    if other.sport == first.sport:
        sys.exit("two hosts share the identifier %d" % first.sport)
    for p in (first, again, other):
        check("checksums", packet.sums_right(p), True)


def req1_echoes_ipv6(lab):
    out, back = ping(lab, lab.inside, LAN6, SRV6, IDENT)
    check("source and identifier", (out.source, out.sport), (LAN6, IDENT))
    check("reply's identifier", back.sport, IDENT)


def session(lab):
    """A UDP session of the LAN: its packet as it left, and the socket."""
    s = lab.lan.udp(LAN4, PORT)
    lab.outside.drain()
    seen, server = lab.mapping(s)
    out = lab.outside.wait(lambda p: p.protocol == UDP and p.dport == 3478)
    lab.inside.drain()
    return s, server, seen, out


def translated(lab, what):
    p = lab.inside.wait(packet.is_error)
    if not p:
        sys.exit("%s: the error did not arrive in the LAN" % what)
    check("%s: checksums" % what, packet.sums_right(p), True)
    return p


def refused(lab, what, error):
    lab.inside.drain()
    lab.outside.send(error)
    lab.inside.quiet("%s, in the LAN" % what, packet.is_error, 0.3)


def req3_checksums_of_errors(lab):
    _, _, _, out = session(lab)
    good = packet.error("100.64.1.254", OWN4, 3, 1, 0, out.raw)
    refused(lab, "an error with a wrong checksum", good[:22] + b"\x12\x34" + good[24:])
    broken = packet.put(out.raw, 10, 0x1234)
    refused(lab, "an error about a packet with a wrong header checksum",
            packet.error("100.64.1.254", OWN4, 3, 1, 0, broken))
    body = packet.put(out.raw, 26, 0x1234)  # its own UDP checksum is nobody's business
    lab.outside.send(packet.error("100.64.1.254", OWN4, 3, 1, 0, body))
    translated(lab, "an error about a packet with a wrong UDP checksum")


def req3_extensions_of_errors(lab):
    """RFC 4884: what a router adds behind the packet that the error is about."""
    _, _, _, out = session(lab)
    padded = out.raw.ljust(128, b"\0")
    extension = b"\x20\0\0\0\0\x08\x01\x01\0\x01\x01\x01"
    extension = packet.put(extension, 2, packet.checksum(extension))
    lab.outside.send(packet.ip("100.64.1.254", OWN4, ICMP,
                               packet.icmp(11, 0, 32 << 16, padded + extension)))
    p = translated(lab, "an error with extensions")
    check("the extension", p.payload[128:], extension)


def req4_errors_from_outside(lab):
    _, _, seen, out = session(lab)
    lab.outside.send(packet.error("100.64.1.254", OWN4, 3, 1, 0, out.raw))
    p = translated(lab, "an error about a packet that left")
    inner = packet.parse(p.payload)
    check("the outer header", (p.source, p.target), ("100.64.1.254", LAN4))
    check("the inner one", (inner.source, inner.sport, inner.target, inner.dport),
          (LAN4, PORT, SRV4, 3478))
    check("its header checksum", packet.checksum(p.payload[:20]), 0)
    for what, source, sport, target, dport in (
            ("another port of ours", OWN4, seen[1] ^ 1, SRV4, 3478),
            ("another address", OWN4, seen[1], SRV4B, 3478),
            ("another port of theirs", OWN4, seen[1], SRV4, 3479),
            ("the inner address", LAN4, PORT, SRV4, 3478)):
        about = packet.ip(source, target, UDP, packet.udp(sport, dport, b"who?"))
        refused(lab, "an error about " + what,
                packet.error("100.64.1.254", OWN4, 3, 1, 0, about))


def req4_errors_from_outside_ipv6(lab):
    s = lab.lan.udp(LAN6, PORT)
    lab.outside.drain()
    lab.mapping(s, SRV6)
    out = lab.outside.wait(lambda p: p.protocol == UDP and p.dport == 3478)
    lab.inside.drain()
    lab.outside.send(packet.error("2001:db8:1::ffff", LAN6, 1, 0, 0, out.raw))
    inner = packet.parse(translated(lab, "an IPv6 error").payload)
    check("whom it is about", (inner.source, inner.sport, inner.dport), (LAN6, PORT, 3478))
    about = packet.ip(LAN6, SRV6, UDP, packet.udp(PORT + 1, 3478, b"who?"))
    refused(lab, "an IPv6 error about what nobody sent",
            packet.error("2001:db8:1::ffff", LAN6, 1, 0, 0, about))


def req5_errors_from_the_lan(lab):
    """A host refuses a datagram that came in: the server hears it, from the node's address."""
    s, server, seen, _ = session(lab)
    s.close()
    lab.outside.drain()
    server.sendto(b"nobody listens any more", seen)
    p = lab.outside.wait(packet.is_error)
    if not p:
        sys.exit("the LAN host's error did not leave")
    inner = packet.parse(p.payload)
    check("the outer header", (p.source, p.target, p.kind, p.code), (OWN4, SRV4, 3, 3))
    check("the inner one", (inner.source, inner.sport, inner.target, inner.dport),
          (SRV4, 3478, OWN4, seen[1]))
    check("checksums", packet.sums_right(p), True)
    about = packet.ip(SRV4, LAN4, UDP, packet.udp(3478, PORT + 9, b"never came"))
    lab.inside.send(packet.error(LAN4, SRV4, 3, 3, 0, about))
    lab.outside.quiet("an error about what never came, outside", packet.is_error)


def req6_errors_do_not_end_an_echo(lab):
    out, _ = ping(lab, lab.inside, LAN4, SRV4, IDENT)
    lab.inside.drain()
    lab.outside.send(packet.error("100.64.1.254", OWN4, 3, 1, 0, out.raw))
    p = translated(lab, "an error about an echo")
    inner = packet.parse(p.payload)
    check("whose echo", (inner.source, inner.rest), (LAN4, IDENT << 16 | 1))
    again, _ = ping(lab, lab.inside, LAN4, SRV4, IDENT, 2)
    check("the identifier after the error", again.sport, out.sport)


def req7_hairpinned_errors(lab):
    """Host a sends to b's external endpoint, where nobody listens any more."""
    a, b = lab.lan.udp(LAN4, PORT), lab.lan2.udp(LAN4B, PORT + 1)
    outer_a, outer_b = lab.mapping(a)[0], lab.mapping(b, port=3479)[0]
    b.sendto(b"opens b's filter", outer_a)
    nothing(a, "from b, to whom a did not send", 0.3)
    a.sendto(b"through", outer_b)
    received(b, "hairpin to b", b"through")
    b.close()
    lab.inside.drain()
    a.sendto(b"nobody", outer_b)
    p = lab.inside.wait(packet.is_error)
    if not p:
        sys.exit("the hairpinned error did not arrive")
    inner = packet.parse(p.payload)
    check("the outer header", (p.source, p.target), (OWN4, LAN4))
    check("the inner one", (inner.source, inner.sport, inner.target, inner.dport),
          (LAN4, PORT) + outer_b)


def req8_refusals_are_answered(lab):
    """Denied by policy: communication administratively prohibited, not silence."""
    for source, target, protocol, body in (
            (LAN4, SRV4, UDP, packet.udp(PORT, 6666, b"x")),
            (LAN4, SRV4, TCP, packet.tcp(PORT, 6666, packet.SYN)),
            (LAN6, SRV6, UDP, packet.udp(PORT, 6666, b"x"))):
        lab.inside.drain()
        lab.outside.drain()
        lab.inside.send(packet.ip(source, target, protocol, body))
        p = translated(lab, "refusal of protocol %d to %s" % (protocol, target))
        check("the refusal", (p.kind, p.code), (3, 13) if p.family == 4 else (1, 1))
        inner = packet.parse(p.payload.ljust(60, b"\0"))
        check("whom it is about", (inner.source, inner.sport, inner.dport), (source, PORT, 6666))
        lab.outside.quiet("outside", lambda p: p.protocol in (UDP, TCP), 0.2)


def req10_own_errors(lab):
    """The node itself: time exceeded for the LAN, echo on its LAN addresses."""
    for source, target, own, protocol in ((LAN4, SRV4, "10.1.0.1", UDP),
                                          (LAN6, SRV6, "2001:db8:a1::1", UDP)):
        lab.inside.drain()
        lab.inside.send(packet.ip(source, target, protocol, packet.udp(PORT, 33434, b"trace"), ttl=1))
        p = translated(lab, "time exceeded for %s" % source)
        check("time exceeded", (p.source, (p.kind, p.code)), (own, packet.EXPIRED[p.family]))
        lab.inside.send(packet.ip(source, own, ICMP6 if ":" in own else ICMP,
                                  packet.echo(6 if ":" in own else 4, IDENT, 1)))
        if not lab.inside.wait(lambda p, own=own: p.source == own and p.sport == IDENT):
            sys.exit("no echo reply from %s" % own)


def req11_other_types_are_dropped(lab):
    """Redirect, router advertisement and solicitation, timestamp, address mask: neither way."""
    _, _, seen, out = session(lab)
    for kind in (4, 5, 9, 10, 13, 14, 15, 16, 17, 18, 30, 40):
        lab.outside.send(packet.ip(SRV4, OWN4, ICMP, packet.icmp(kind, 0, 1 << 16, out.raw)))
        lab.inside.send(packet.ip(LAN4, SRV4, ICMP, packet.icmp(kind, 0, 1 << 16, bytes(20))))
    lab.inside.quiet("in the LAN", lambda p: p.protocol == ICMP and p.source != "10.1.0.1")
    lab.outside.quiet("outside", lambda p: p.protocol == ICMP and p.target == SRV4)
    check("the mapping", seen[0], OWN4)


main(globals())
