# SPDX-License-Identifier: BSD-2-Clause
"""packet.py: packets as bytes, made and read, for tests that send what no socket would.

Addresses are text, bodies are bytes. Checksums are right unless the caller turns a byte afterwards.
"""
import socket
import struct
import types

TCP, UDP, ICMP, ICMP6, FRAGMENT = 6, 17, 1, 58, 44
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def text(address):
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def put(data, at, value):
    return data[:at] + struct.pack("!H", value) + data[at + 2 :]


# --- transport: without checksums, ip() fills them in

def udp(sport, dport, body=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(body), 0) + body


def tcp(sport, dport, flags, seq=0, ack=0, body=b"", window=65535, options=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                       5 + len(options) // 4 << 4, flags, window, 0, 0) + options + body


def icmp(kind, code, rest, body=b""):
    return struct.pack("!BBHI", kind, code, 0, rest) + body


def echo(family, ident, seq, body=b"0123456789", reply=False):
    kind = (0 if reply else 8) if family == 4 else (129 if reply else 128)
    return icmp(kind, 0, ident << 16 | seq, body)


CHECK_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMP6: 2}


def transport_sum(source, target, protocol, body):
    at = CHECK_AT.get(protocol)
    if at is None or len(body) < at + 2:
        return body
    body = put(body, at, 0)
    pseudo = b""
    if protocol != ICMP:
        ends = packed(source) + packed(target)
        pseudo = ends + (struct.pack("!BBH", 0, protocol, len(body)) if len(ends) == 8
                         else struct.pack("!II", len(body), protocol))
    value = checksum(pseudo + body)
    return put(body, at, value or (0xFFFF if protocol == UDP else 0))


# --- network

def ip(source, target, protocol, body, ttl=64, ident=0, fragment=0, df=False, tos=0):
    """fragment: the word of IPv4's header (offset / 8, 0x2000: more); not with IPv6."""
    if not fragment:
        body = transport_sum(source, target, protocol, body)
    return envelope(source, target, protocol, body, ttl, ident, fragment | (0x4000 if df else 0), tos)


def envelope(source, target, protocol, body, ttl=64, ident=0, word=0, tos=0):
    if ":" in source:
        return (struct.pack("!IHBB", 6 << 28 | tos << 20, len(body), protocol, ttl) +
                packed(source) + packed(target) + body)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(body), ident, word, ttl, protocol, 0,
                       packed(source), packed(target))
    return put(head, 10, checksum(head)) + body


def fragments(source, target, protocol, body, ident, size=1480, ttl=64):
    """The packet in pieces of `size` bytes of payload, in order."""
    body = transport_sum(source, target, protocol, body)
    size -= size % 8
    found = []
    for at in range(0, len(body), size):
        more = at + size < len(body)
        piece = body[at : at + size]
        if ":" in source:
            head = struct.pack("!BBHI", protocol, 0, at | more, ident)
            found.append(envelope(source, target, FRAGMENT, head + piece, ttl))
        else:
            found.append(envelope(source, target, protocol, piece, ttl, ident,
                                  at // 8 | (0x2000 if more else 0)))
    return found


def error(source, target, kind, code, rest, about, keep=None):
    """An ICMP error about the packet `about`; keep: how much of it."""
    protocol = ICMP6 if ":" in source else ICMP
    return ip(source, target, protocol, icmp(kind, code, rest, about[:keep]))


UNREACHABLE = {4: (3, 3), 6: (1, 4)}  # port
TOO_BIG = {4: (3, 4), 6: (2, 0)}
EXPIRED = {4: (11, 0), 6: (3, 0)}


# --- reading

def parse(packet):
    """What is in an IP packet; None if it is none. Later fragments have no ports."""
    p = types.SimpleNamespace(raw=packet, sport=None, dport=None, payload=b"", offset=0, more=False)
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        length, p.ident, word = struct.unpack("!HHH", packet[2:8])
        head = (packet[0] & 15) * 4
        p.family, p.ttl, p.protocol = 4, packet[8], packet[9]
        p.source, p.target = text(packet[12:16]), text(packet[16:20])
        p.offset, p.more, p.df = (word & 0x1FFF) * 8, bool(word & 0x2000), bool(word & 0x4000)
        p.body = packet[head:length]
    elif len(packet) >= 40 and packet[0] >> 4 == 6:
        length, p.protocol, p.ttl = struct.unpack("!HBB", packet[4:8])
        p.family, p.df = 6, True
        p.source, p.target = text(packet[8:24]), text(packet[24:40])
        p.body = packet[40 : 40 + length]
        if p.protocol == FRAGMENT and len(p.body) >= 8:
            p.protocol, _, word, p.ident = struct.unpack("!BBHI", p.body[:8])
            p.offset, p.more, p.body = word & 0xFFF8, bool(word & 1), p.body[8:]
    else:
        return None
    if not p.offset:
        transport(p)
    return p


def transport(p):
    b = p.body
    if p.protocol == UDP and len(b) >= 8:
        p.sport, p.dport = struct.unpack("!HH", b[:4])
        p.payload = b[8:]
    elif p.protocol == TCP and len(b) >= 20:
        p.sport, p.dport, p.seq, p.ack, offset, p.flags, p.window = struct.unpack("!HHIIBBH", b[:16])
        p.payload = b[(offset >> 4) * 4 :]
    elif p.protocol in (ICMP, ICMP6) and len(b) >= 8:
        p.kind, p.code, _, p.rest = struct.unpack("!BBHI", b[:8])
        p.sport = p.dport = p.rest >> 16
        p.payload = b[8:]


def is_error(p):
    return (p.protocol == ICMP and getattr(p, "kind", 0) in (3, 4, 5, 11, 12)) or (
        p.protocol == ICMP6 and getattr(p, "kind", 128) < 128)


def sums_right(p):
    """Header and transport checksums of a whole packet."""
    if p.family == 4 and checksum(p.raw[:20]):
        return False
    body = transport_sum(p.source, p.target, p.protocol, p.body)
    return body == p.body or (p.protocol == UDP and p.body[6:8] == b"\0\0")
