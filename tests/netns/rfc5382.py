# SPDX-License-Identifier: BSD-2-Clause
"""rfc5382.py: NAT behaviour for TCP; one function for each requirement of RFC 5382 that a client
and servers can see. docs/nat.md says which are followed, and which are not and why.

    rfc5382.py TAG REQUIREMENT...
"""
import select
import socket
import sys

import packet
from packet import ACK, FIN, PSH, RST, SYN, TCP
from space import LAN4, LAN4B, LAN6, OWN4, SRV4, SRV4B, SRV6, TIMEOUT, check, main

PORT = 41001


class Pair:
    """A connection of a LAN host to the server: both ends of it, and where it seems to be from."""

    def __init__(self, lab, host=None, source=LAN4, target=SRV4, port=0, to=8000):
        listener = lab.srv.listen(target, to)
        self.client = (host or lab.lan).tcp(source, port)
        self.client.connect((target, to))
        self.server, seen = listener.accept()
        self.server.settimeout(TIMEOUT)
        self.seen, self.to = seen[:2], to
        listener.close()

    def alive(self, what):
        for one, other in ((self.client, self.server), (self.server, self.client)):
            one.sendall(what.encode())
            got = b""
            try:
                while len(got) < len(what):
                    data = other.recv(100)
                    if not data:
                        sys.exit("%s: the connection was closed" % what)
                    got += data
            except OSError as e:
                sys.exit("%s: the connection does not work: %s" % (what, e))
            check(what, got, what.encode())


def req1_endpoint_independent_mapping(lab):
    first = Pair(lab, port=PORT)
    second = Pair(lab, port=PORT, target=SRV4B)
    third = Pair(lab, port=PORT, to=8001)
    check("source at the second server", second.seen, first.seen)
    check("source at another port", third.seen, first.seen)
    for pair in (first, second, third):
        pair.alive("beside the others")


def req2_three_way_handshake(lab):
    for source, target in ((LAN4, SRV4), (LAN6, SRV6)):
        pair = Pair(lab, source=source, target=target)
        pair.alive("after the handshake")
        pair.client.shutdown(socket.SHUT_WR)
        check("end at the server", pair.server.recv(1), b"")
        pair.server.sendall(b"half closed")
        check("what follows", pair.client.recv(100), b"half closed")
        pair.server.close()
        check("end at the host", pair.client.recv(1), b"")


def req2_simultaneous_open(lab):
    """Both begin: the server's SYN crosses the host's, which something on the way lost."""
    probe = Pair(lab, port=PORT)
    lab.srv.run("nft", "add table ip lost; add chain ip lost in { type filter hook input priority 0;"
                "}; add rule ip lost in tcp dport 8001 tcp flags & (syn | ack) == syn drop")
    client, server = lab.lan.tcp(LAN4, PORT), lab.srv.tcp(SRV4, 8001)
    client.setblocking(False)
    client.connect_ex((SRV4, 8001))
    select.select([], [client], [], 0.2)
    try:
        server.connect(probe.seen)
    except OSError as e:
        sys.exit("the server's SYN was not answered: %s" % e)
    if not select.select([], [client], [], TIMEOUT)[1] or client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        sys.exit("the host's connection did not come up")
    client.setblocking(True)
    client.settimeout(TIMEOUT)
    client.sendall(b"simultaneous")
    check("what the host says", server.recv(100), b"simultaneous")
    server.sendall(b"indeed")
    check("what the server says", client.recv(100), b"indeed")


def stranger(lab, seen, flags, source, sport):
    lab.outside.send(packet.ip(source, seen[0], TCP, packet.tcp(sport, seen[1], flags, 1, 1)))


def from_strangers(lab, p):
    return p.protocol == TCP and (p.source, p.sport) in ((SRV4, 7777), (SRV4B, 8000))


def req3_address_and_port_dependent_filtering(lab):
    pair = Pair(lab, port=PORT)
    lab.inside.drain()
    for flags in (SYN, SYN | ACK, ACK, RST, FIN | ACK):
        stranger(lab, pair.seen, flags, SRV4, 7777)
        stranger(lab, pair.seen, flags, SRV4B, 8000)
    lab.inside.quiet("from a stranger, in the LAN", lambda p: from_strangers(lab, p))
    pair.alive("after strangers")


def req4_unsolicited_syn_is_not_answered(lab):
    """Six seconds without an answer are asked for; it gets none ever."""
    pair = Pair(lab, port=PORT)
    lab.outside.drain()
    stranger(lab, pair.seen, SYN, SRV4B, 8000)
    lab.outside.send(packet.ip(SRV4B, OWN4, TCP, packet.tcp(8000, 50000, SYN, 1)))
    lab.outside.quiet("answer to a SYN that nobody asked for",
                      lambda p: p.target == SRV4B or packet.is_error(p), 7)
    pair.alive("after the SYN")


def req6_no_payload_is_changed(lab):
    """No application layer gateway: FTP's PORT with a private address passes as it is."""
    pair = Pair(lab, to=21)
    pair.client.sendall(b"PORT 10,1,0,2,156,65\r\nEPRT |1|10.1.0.2|40001|\r\n")
    check("FTP at the server", pair.server.recv(200), b"PORT 10,1,0,2,156,65\r\nEPRT |1|10.1.0.2|40001|\r\n")
    pair.server.sendall(b"227 Entering Passive Mode (10,9,8,7,1,2)\r\n")
    check("FTP at the host", pair.client.recv(200), b"227 Entering Passive Mode (10,9,8,7,1,2)\r\n")


def req7_no_port_overloading(lab):
    first = Pair(lab, port=PORT)
    second = Pair(lab, host=lab.lan2, source=LAN4B, port=PORT)
    check("port of the first", first.seen[1], PORT)
    if first.seen == second.seen:
        sys.exit("both have %s:%d" % first.seen)
    first.alive("of the first")
    second.alive("of the second")
    other = Pair(lab, host=lab.lan2, source=LAN4B, port=PORT, target=SRV4B)
    check("the second's source elsewhere", other.seen, second.seen)


def req8_hairpinning(lab):
    """Host b connects to the external endpoint of host a, which expects it (both begin)."""
    outer_a = Pair(lab, port=PORT).seen
    outer_b = Pair(lab, host=lab.lan2, source=LAN4B, port=PORT + 1).seen
    a, b = lab.lan.tcp(LAN4, PORT), lab.lan2.tcp(LAN4B, PORT + 1)
    for s, to in ((a, outer_b), (b, outer_a)):
        s.setblocking(False)
        s.connect_ex(to)
    for s, who in ((a, "a"), (b, "b")):
        if not select.select([], [s], [], TIMEOUT)[1]:
            sys.exit("the connection of %s did not come up" % who)
        check("error of %s" % who, s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
        s.setblocking(True)
        s.settimeout(TIMEOUT)
    check("b as a sees it", a.getpeername(), outer_b)
    a.sendall(b"from a")
    check("what b hears", b.recv(100), b"from a")
    b.sendall(b"from b")
    check("what a hears", a.recv(100), b"from b")


def last_segment(lab, pair):
    """A segment of the host as the internet saw it: what an error may be about."""
    lab.outside.drain()
    pair.client.sendall(b"x")
    p = lab.outside.wait(lambda p: p.protocol == TCP and p.dport == pair.to)
    pair.server.recv(1)
    return p


def req9_errors_are_translated(lab):
    pair = Pair(lab, port=PORT)
    about = last_segment(lab, pair)
    lab.inside.drain()
    lab.outside.send(packet.error("100.64.1.254", OWN4, 3, 1, 0, about.raw, 28))
    p = lab.inside.wait(packet.is_error)
    if not p:
        sys.exit("the ICMP error did not arrive in the LAN")
    inner = packet.parse(p.payload + bytes(12))
    check("the error", (p.source, p.target, p.kind, p.code), ("100.64.1.254", LAN4, 3, 1))
    check("whom it is about", (inner.source, inner.target), (LAN4, SRV4))
    check("its checksums", packet.sums_right(p), True)


def req10_errors_do_not_end_a_connection(lab):
    pair = Pair(lab, port=PORT)
    for kind, code in ((3, 0), (3, 1), (3, 2), (3, 3), (3, 13), (11, 0), (12, 0)):
        about = last_segment(lab, pair)
        lab.outside.send(packet.error(SRV4, OWN4, kind, code, 0, about.raw, 28))
        pair.alive("after ICMP %d, %d" % (kind, code))


# --- not of the RFC: what a stateful firewall adds (docs/nat.md)

def reset(lab, pair, seq, flags=RST):
    lab.outside.send(packet.ip(SRV4, pair.seen[0], TCP,
                               packet.tcp(pair.to, pair.seen[1], flags, seq, 0, b"injected" * (flags != RST))))


def segments_out_of_window(lab):
    """Somebody who sees no packet guesses addresses and ports rightly, sequence numbers not."""
    pair = Pair(lab, port=PORT)
    about = last_segment(lab, pair)
    lab.inside.drain()
    for distance in (1 << 30, -(1 << 30), 1 << 31, 1 << 24, -(1 << 24)):
        for flags in (RST, RST | ACK, ACK, FIN | ACK, PSH | ACK, SYN, SYN | ACK):
            reset(lab, pair, about.ack + distance, flags)
    lab.inside.quiet("out of the window, in the LAN", lambda p: p.protocol == TCP and p.sport == pair.to
                     and abs(p.seq - about.ack) > 1 << 23)
    pair.alive("after forged segments")


def segments_of_no_connection(lab):
    """From the LAN: a segment that begins nothing does not leave."""
    lab.outside.drain()
    for flags in (ACK, RST, FIN | ACK, SYN | ACK, PSH | ACK, 0, SYN | FIN, SYN | RST, 63):
        lab.inside.send(packet.ip(LAN4, SRV4, TCP, packet.tcp(PORT, 8000, flags, 1, 1)))
    lab.outside.quiet("from the LAN, of no connection", lambda p: p.protocol == TCP)


main(globals())
