# SPDX-License-Identifier: BSD-2-Clause
"""rfc4787.py: NAT behaviour for UDP; one function for each requirement of RFC 4787 that a client
and servers can see. docs/nat.md says which are followed, and which are not and why.

    rfc4787.py TAG REQUIREMENT...
"""
import socket
import sys

import packet
from packet import UDP
from space import (LAN4, LAN4B, OWN4, SRV4, SRV4B, SRV6, SRV6B, LAN6, check, main, nothing, received)

PORT = 40001


def req1_endpoint_independent_mapping(lab):
    s = lab.lan.udp(LAN4, PORT)
    first, _ = lab.mapping(s)
    for address, port in ((SRV4, 3479), (SRV4B, 3478), (SRV4B, 9)):
        check("source at %s:%d" % (address, port), lab.mapping(s, address, port)[0], first)
    check("the mapping's address", first[0], OWN4)


def req2_paired_addresses(lab):
    """One external address: all of a host's sessions have it, of every protocol."""
    for port in (0, 0, 0):
        check("address", lab.mapping(lab.lan.udp(LAN4, port))[0][0], OWN4)
    server, client = lab.srv.listen(SRV4, 8000), lab.lan.tcp(LAN4)
    client.connect((SRV4, 8000))
    check("address of TCP", server.accept()[1][0], OWN4)


def req3_no_port_overloading(lab):
    """Two hosts' same ports to the same server: two mappings, both answered, and the port kept
    where it is free."""
    a, b = lab.lan.udp(LAN4, PORT), lab.lan2.udp(LAN4B, PORT)
    seen_a, server = lab.mapping(a)
    b.sendto(b"me too", (SRV4, 3478))
    seen_b = server.recvfrom(100)[1]
    check("port of the first", seen_a[1], PORT)
    if seen_a == seen_b:
        sys.exit("both have %s:%d" % seen_a)
    server.sendto(b"for a", seen_a)
    server.sendto(b"for b", seen_b)
    received(a, "answer for a", b"for a")
    received(b, "answer for b", b"for b")


def req3_port_ranges(lab):
    """Ports below 1024 map to ports below 1024, others to others."""
    for port in (123, 1023, 1024, 65535):
        for host, address in ((lab.lan, LAN4), (lab.lan2, LAN4B)):
            seen, _ = lab.mapping(host.udp(address, port), port=3478 + (host is lab.lan2))
            if (seen[1] < 1024) != (port < 1024):
                sys.exit("port %d of %s became %d" % (port, address, seen[1]))


def req4_port_parity(lab):
    """RECOMMENDED: an even port stays even, an odd one odd, where it cannot be kept."""
    for port in (40100, 40101, 40102, 40103):
        lab.mapping(lab.lan.udp(LAN4, port))
        seen, _ = lab.mapping(lab.lan2.udp(LAN4B, port), port=3479)
        check("parity of port %d, as %d" % (port, seen[1]), seen[1] % 2, port % 2)


def req7_same_addresses_on_both_sides(lab):
    """What the LAN sends to its own network stays there."""
    s, other = lab.lan.udp(LAN4), lab.lan2.udp(LAN4B, 5000)
    s.sendto(b"here", (LAN4B, 5000))
    check("source in the LAN", received(other, "datagram in the LAN", b"here")[0], LAN4)
    lab.outside.quiet("outside", lambda p: p.protocol == UDP)


def filters(lab, client, target, other):
    seen, server = lab.mapping(client, target)
    received_from = [(target, 3479), (other, 3478), (other, 9)]
    for address, port in received_from:
        lab.srv.udp(address, port).sendto(b"let me in", seen)
        nothing(client, "from %s:%d, to which nobody sent" % (address, port), 0.3)
    server.sendto(b"answer", seen)
    received(client, "answer", b"answer")


def req8_address_and_port_dependent_filtering(lab):
    """Deliberately the strictest of the three behaviours."""
    filters(lab, lab.lan.udp(LAN4, PORT), SRV4, SRV4B)


def req8_filtering_ipv6(lab):
    filters(lab, lab.lan.udp(LAN6, PORT), SRV6, SRV6B)


def req9_hairpinning(lab):
    """Each sends to the other's external endpoint, and sees the other's external endpoint."""
    a, b = lab.lan.udp(LAN4, PORT), lab.lan2.udp(LAN4B, PORT + 1)
    outer_a, outer_b = lab.mapping(a)[0], lab.mapping(b, port=3479)[0]
    a.sendto(b"opens a's filter", outer_b)
    nothing(b, "from a, to whom b did not send", 0.3)
    b.sendto(b"from b", outer_a)
    check("b as a sees it", received(a, "hairpin to a", b"from b"), outer_b)
    a.sendto(b"from a", outer_b)
    check("a as b sees it", received(b, "hairpin to b", b"from a"), outer_a)


def req10_no_payload_is_changed(lab):
    """No application layer gateway: SIP with private addresses passes as it is."""
    text = ("INVITE sip:b@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060\r\nContact: <sip:a@%s:5060>\r\n"
            "\r\nc=IN IP4 %s\r\n" % (SRV4, LAN4, LAN4, LAN4)).encode()
    s, server = lab.lan.udp(LAN4, 5060), lab.srv.udp(SRV4, 5060)
    s.sendto(text, (SRV4, 5060))
    sender = received(server, "SIP at the server", text)
    server.sendto(text.replace(b"INVITE", b"NOTIFY"), sender)
    received(s, "SIP at the host", text.replace(b"INVITE", b"NOTIFY"))


def req11_behaviour_does_not_change(lab):
    """A mapping that could not keep its port behaves as any other."""
    lab.mapping(lab.lan.udp(LAN4, PORT))
    second = lab.lan2.udp(LAN4B, PORT)
    first, _ = lab.mapping(second, SRV4, 3479)
    for address, port in ((SRV4B, 3478), (SRV4B, 3479), (SRV4, 7)):
        check("its source at %s:%d" % (address, port), lab.mapping(second, address, port)[0], first)
    filters(lab, lab.lan2.udp(LAN4B, PORT + 2), SRV4, SRV4B)


def req12_errors_do_not_end_a_mapping(lab):
    s = lab.lan.udp(LAN4, PORT)
    before, server = lab.mapping(s)
    lab.inside.drain()
    s.sendto(b"nobody is there", (SRV4, 7777))  # the server's kernel answers: port unreachable
    p = lab.inside.wait(packet.is_error)
    if not p:
        sys.exit("the ICMP error did not arrive in the LAN")
    inner = packet.parse(p.payload)
    check("whom it is about", (inner.source, inner.sport, inner.dport), (LAN4, PORT, 7777))
    server.close()
    after, server = lab.mapping(s)
    check("the mapping after the error", after, before)
    server.sendto(b"still there", after)
    received(s, "answer after the error", b"still there")


def req13_fragmentation_needed(lab):
    """A packet that may not be fragmented and does not fit: its sender hears it, with the MTU."""
    lab.node.run("ip", "link", "set", "black0", "mtu", "1400")
    lab.net.run("ip", "link", "set", "a0", "mtu", "1400")
    s = lab.lan.udp(LAN4, PORT)
    seen, server = lab.mapping(s)
    s.setsockopt(socket.IPPROTO_IP, 10, 3)  # IP_MTU_DISCOVER: always DF, whatever was learnt
    for _ in range(100):  # until the new MTU is known
        s.sendto(bytes(1440), (SRV4, 3478))
        p = lab.inside.wait(packet.is_error, 0.2)
        if p:
            break
    if not p:
        sys.exit("no error")
    check("the error", (p.kind, p.code, p.rest & 0xFFFF, p.source), (3, 4, 1400, "10.1.0.1"))
    inner = packet.parse(p.payload)
    check("whom it is about", (inner.source, inner.sport), (LAN4, PORT))
    s = lab.lan.udp(LAN4, PORT + 1)
    server.sendto(b"fits", seen)


def big(lab, order, ident=4711):
    """A datagram of the server in pieces, sent in this order; what the host gets of it."""
    s = lab.lan.udp(LAN4, PORT)
    seen, _ = lab.mapping(s)
    body = bytes(i & 255 for i in range(4000))
    pieces = packet.fragments(SRV4, OWN4, UDP, packet.udp(3478, seen[1], body), ident, 1400)
    for i in order:
        lab.outside.send(pieces[i])
    return s, body


def req14_fragments_in_order(lab):
    s, body = big(lab, (0, 1, 2))
    received(s, "datagram in three pieces", body)
    s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: never DF, the host fragments
    server = lab.srv.udp(SRV4, 3480)
    s.sendto(body, (SRV4, 3480))
    check("source of the pieces", received(server, "datagram to the server", body)[0], OWN4)


def req14_fragments_out_of_order(lab):
    """Later ones in any order; but none before the first, which alone says whose it is."""
    s, body = big(lab, (0, 2, 1))
    received(s, "datagram whose second and third piece changed places", body)
    lab.inside.drain()
    s.close()
    s, body = big(lab, (1, 0, 2), 4712)
    nothing(s, "a datagram whose second piece came first")


main(globals())
