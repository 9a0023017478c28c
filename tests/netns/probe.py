# SPDX-License-Identifier: BSD-2-Clause
"""probe.py: what people send to find out whether somebody is there.

    probe.py DEVICE MAC SITE-NUMBER

Port and protocol scans, pings of all sorts, traceroutes, queries to groups, fragments that never
end, WireGuard that is none: to the host of that MAC address at 100.64.N.1 and 2001:db8:N::1, from
this side's address. A usual host answers many of them. Prints how many frames it sent.
"""
import os
import socket
import struct
import sys
import time

import wire

PORTS = list(range(1, 1025)) + [1194, 1701, 3389, 5060, 5353, 8080, 8443, 33434, 33435, 51820]
GROUPS4 = {"224.0.0.1": 1, "224.0.0.2": 2, "224.0.0.251": 251, "224.0.0.252": 252}


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Prober:
    def __init__(self, device, mac, site):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((device, 0))
        self.own = self.socket.getsockname()[4]
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.me4 = socket.inet_aton("100.64.%d.254" % site)
        self.you4 = socket.inet_aton("100.64.%d.1" % site)
        self.near4 = socket.inet_aton("100.64.%d.255" % site)
        self.me6 = socket.inet_pton(socket.AF_INET6, "2001:db8:%d::ffff" % site)
        self.you6 = socket.inet_pton(socket.AF_INET6, "2001:db8:%d::1" % site)
        self.sent = 0

    def frame(self, ethertype, body, mac=None):
        wire.send(self.socket, ((mac or self.mac) + self.own + ethertype + body).ljust(60, b"\0"))
        self.sent += 1
        if self.sent % 50 == 0:
            time.sleep(0.005)

    # --- envelopes: checksums are right, so that whoever listens has no excuse

    def v4(self, protocol, body, to=None, mac=None, ttl=64, fragment=0, options=b""):
        to = to or self.you4
        if protocol in (6, 17) and not fragment:
            pseudo = self.me4 + to + struct.pack("!BBH", 0, protocol, len(body))
            at = 16 if protocol == 6 else 6
            body = body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2 :]
        head = struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0,
                           20 + len(options) + len(body), self.sent & 0xFFFF, fragment, ttl,
                           protocol, 0, self.me4, to) + options
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        self.frame(b"\x08\x00", head + body, mac)

    def v6(self, protocol, body, to=None, mac=None, hops=64, source=None):
        to, source = to or self.you6, source or self.me6
        at = {6: 16, 17: 6, 58: 2}.get(protocol)
        if at and len(body) >= at + 2:
            pseudo = source + to + struct.pack("!II", len(body), protocol)
            body = body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2 :]
        head = struct.pack("!IHBB", 6 << 28, len(body), protocol, hops) + source + to
        self.frame(b"\x86\xdd", head + body, mac)

    def both(self, protocol, body, **how):
        self.v4(protocol, body, **how)
        if "ttl" in how:
            how["hops"] = how.pop("ttl")
        self.v6(protocol, body, **how)

    def udp(self, port, body=b"", **how):
        self.both(17, struct.pack("!HHHH", 40000, port, 8 + len(body), 0) + body, **how)

    def tcp(self, port, flags):
        self.both(6, struct.pack("!HHIIBBHHH", 40001, port, 1, 1, 5 << 4, flags, 1024, 0, 0))

    # --- who is there?

    def neighbours(self):
        self.frame(b"\x08\x06", struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + self.own + self.me4 +
                   bytes(6) + self.you4, b"\xff" * 6)
        group = bytes.fromhex("ff0200000000000000000001ff") + self.you6[13:]
        self.v6(58, b"\x87\0\0\0\0\0\0\0" + self.you6 + b"\1\1" + self.own, to=group, hops=255,
                mac=b"\x33\x33\xff" + self.you6[13:])

    def icmp(self):
        for kind in range(256):  # echo, timestamp, address mask, information, router discovery ...
            for code in (0, 1, 4):
                body = bytes([kind, code]) + b"\0\0\0\7\0\1" + bytes(40)
                body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
                self.v4(1, body)
                if kind not in (134, 135, 136, 137):  # those of neighbours are answered
                    self.v6(58, bytes([kind, code]) + b"\0\0\0\7\0\1" + self.you6 + bytes(24))
        for size in (0, 1000, 1400):
            body = b"\x08\0\0\0\0\7\0\1" + bytes(size)
            self.v4(1, body[:2] + struct.pack("!H", checksum(body)) + body[4:])
            self.v6(58, b"\x80\0\0\0\0\7\0\1" + bytes(size))

    def traceroute(self):
        for ttl in range(1, 31):
            self.udp(33433 + ttl, bytes(32), ttl=ttl)
            self.udp(51820, bytes(32), ttl=ttl)

    def ports(self):
        for port in PORTS:
            self.tcp(port, 2)
            self.udp(port)
        for flags in (0, 1, 0x10, 0x12, 0x29, 0x3F):  # NULL, FIN, ACK, SYN ACK, XMAS, all
            for port in (22, 53, 443, 51820):
                self.tcp(port, flags)

    def protocols(self):
        for number in range(256):
            if number not in (1, 6, 17, 58):
                self.both(number, bytes(40))

    def groups(self):
        ping = b"\x08\0\xf7\xf7\0\7\0\1"
        self.v4(1, ping, to=b"\xff" * 4, mac=b"\xff" * 6)
        self.v4(1, ping, to=self.near4, mac=b"\xff" * 6)
        for name, last in GROUPS4.items():
            mac = b"\x01\0\x5e\0\0" + bytes([last])
            self.v4(1, ping, to=socket.inet_aton(name), mac=mac)
            self.v4(2, b"\x11\x64\xee\x9b" + bytes(4), to=socket.inet_aton(name), mac=mac, ttl=1)
        query = b"\0\0\0\0\0\1\0\0\0\0\0\0\x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\1"
        for name in ("ff02::1", "ff02::2", "ff02::16", "ff02::fb", "ff02::1:3"):
            to = socket.inet_pton(socket.AF_INET6, name)
            mac = b"\x33\x33" + to[12:]
            link = b"\xfe\x80" + bytes(6) + self.me6[8:]
            for source in (self.me6, link):
                self.v6(58, b"\x80\0\0\0\0\7\0\1", to=to, mac=mac, source=source)
                self.v6(58, b"\x82\0\0\0\x03\xe8\0\0" + bytes(16), to=to, mac=mac, hops=1,
                        source=source)  # MLD query, without and with router alert
                self.router_alert(to, mac, source)
                self.v6(58, b"\x85\0\0\0\0\0\0\0\1\1" + self.own, to=to, mac=mac, hops=255,
                        source=source)  # router solicitation
            self.v6(17, struct.pack("!HHHH", 5353, 5353, 8 + len(query), 0) + query, to=to, mac=mac)
        mdns = struct.pack("!HHHH", 5353, 5353, 8 + len(query), 0) + query
        self.v4(17, mdns, to=socket.inet_aton("224.0.0.251"), mac=b"\x01\0\x5e\0\0\xfb", ttl=255)
        self.v4(17, struct.pack("!HHHH", 68, 67, 308, 0) + b"\1\1\6\0" + bytes(296),
                to=b"\xff" * 4, mac=b"\xff" * 6)  # DHCP discover

    def router_alert(self, to, mac, source):  # an MLDv2 query as a router sends it
        mld = b"\x82\0\0\0\x03\xe8\0\0" + bytes(16) + b"\2\x7d\0\0"
        pseudo = source + to + struct.pack("!II", len(mld), 58)
        mld = mld[:2] + struct.pack("!H", checksum(pseudo + mld)) + mld[4:]
        self.v6(0, b"\x3a\0\5\2\0\0\1\0" + mld, to=to, mac=mac, hops=1, source=source)

    def link_layer(self):
        for group in ("0180c200000e", "0180c2000000", "0180c2000003", "01000ccccccc"):
            mac = bytes.fromhex(group)
            self.frame(b"\x88\xcc", b"\2\7\4" + self.own + b"\4\2\7\x61\6\2\0\x78\0\0", mac)  # LLDP
            self.frame(b"\x88\x8e", b"\1\1\0\0", mac)  # EAPOL start
            self.frame(b"\x00\x26", b"\x42\x42\3" + bytes(35), mac)  # spanning tree
        for ethertype in (b"\x81\0", b"\x88\xa8", b"\x88\x63", b"\x90\0", b"\x88\x47", b"\x80\x35"):
            for mac in (self.mac, b"\xff" * 6):
                self.frame(ethertype, bytes(46), mac)

    def broken(self):
        for options in (b"\x07\x27\x04" + bytes(37), b"\x44\x28\x05\0" + bytes(36), b"\x83\xff\xff\xff"):
            self.v4(1, b"\x08\0\xf7\xf7\0\7\0\1", options=options)
        for offset in (0x2000, 0x2001, 0x1FFF, 3):
            self.v4(17, bytes(64), fragment=offset)
            self.v4(1, b"\x08\0\xf7\xf7\0\7\0\1" + bytes(56), fragment=offset)
            self.v6(44, struct.pack("!BBHI", 17, 0, offset << 3 & 0xFFF8 | 1, 77) + bytes(64))
        self.v6(44, struct.pack("!BBHI", 17, 0, 1, 78) + bytes(61))  # no multiple of 8: an error
        for option in (0x3E, 0x80, 0xC5):
            self.v6(60, bytes([58, 0, option, 4, 0, 0, 0, 0]) + b"\x80\0\0\0\0\7\0\1")
        self.v6(43, b"\x3a\2\0\1" + bytes(20) + b"\x80\0\0\0\0\7\0\1")  # routing header 0

    def wireguard(self):
        for kind in range(7):
            for size in list(range(0, 200)) + [1000, 1400]:
                self.udp(51820, (bytes([kind, 0, 0, 0]) + os.urandom(1400))[:size])
            self.udp(51820, bytes([kind, 1, 0, 0]) + os.urandom(144))

    def all(self):
        for probe in (self.neighbours, self.icmp, self.traceroute, self.ports, self.protocols,
                      self.groups, self.link_layer, self.broken, self.wireguard):
            probe()
        print(self.sent)


if __name__ == "__main__":
    Prober(sys.argv[1], sys.argv[2], int(sys.argv[3])).all()
