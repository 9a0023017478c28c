# SPDX-License-Identifier: BSD-2-Clause
"""router_fuzz.py: frames into a node in router mode that are nearly right.

    router_fuzz.py TAG lan|internet SECONDS LEAST SEED

Takes what is on that wire in both directions, changes a little of it (addresses that matter,
ports, flags, lengths, protocols, bits), mends the checksums nine times in ten, and sends it to the
node, together with packets, fragments and ICMP errors made from nothing. So many seconds, or as
long as it takes for the least number of frames. Prints how many.
"""
import random
import struct
import sys
import time

import packet
from packet import ICMP, ICMP6, TCP, UDP
from space import Lab

V4 = ["10.1.0.2", "10.1.0.1", "10.1.0.3", "10.1.0.255", "10.2.0.2", "10.2.255.255", "100.64.1.1",
      "100.64.1.254", "100.64.2.1", "198.51.100.2", "198.51.100.3", "127.0.0.1", "0.0.0.0",
      "255.255.255.255", "224.0.0.1", "169.254.1.1", "192.168.7.7"]
V6 = ["fd00:1::2", "fd00:1::1", "fd00:2::2", "fd00:2::ffff", "2001:db8:a1::2", "2001:db8:a1::1",
      "2001:db8:a1::77", "2001:db8:1::1", "2001:db8:1::ffff", "2001:db8:f::2", "fe80::1", "ff02::1",
      "::1", "::", "::ffff:10.2.0.2", "::ffff:198.51.100.2", "2002:a02:2::1", "64:ff9b::a02:2"]
PORTS = [80, 443, 53, 67, 547, 3478, 8000, 8080, 51820, 0, 65535, 40001]


class Fuzz:
    def __init__(self, lab, side, seed):
        self.rng = random.Random(seed)
        self.wire = lab.inside if side == "lan" else lab.outside
        self.seen = []

    def learn(self):
        """Live frames: the connections that are to be confused."""
        self.wire.socket.setblocking(False)
        try:
            for _ in range(64):
                frame = self.wire.socket.recv(2048)
                if len(frame) >= 34 and frame[12:14] in (b"\x08\x00", b"\x86\xdd"):
                    self.seen.append(frame[14:])
        except BlockingIOError:
            pass
        self.wire.socket.setblocking(True)
        del self.seen[:-400]

    def address(self, v6):
        r = self.rng
        if r.random() < 0.1:
            return packet.text(r.randbytes(16 if v6 else 4))
        return r.choice(V6 if v6 else V4)

    def mutate(self, ip):
        r = self.rng
        ip = bytearray(ip)
        v6 = ip[0] >> 4 == 6
        at, size, head = (8, 16, 40) if v6 else (12, 4, 20)
        for _ in range(r.choice((1, 1, 1, 2, 3))):
            what = r.randrange(9)
            if what < 2:
                to = r.randrange(2) * size + at
                ip[to : to + size] = packet.packed(self.address(v6))
            elif what == 2 and len(ip) >= head + 4:
                to = head + r.randrange(2) * 2
                ip[to : to + 2] = struct.pack("!H", r.choice(PORTS))
            elif what == 3:
                ip[r.randrange(len(ip))] ^= 1 << r.randrange(8)
            elif what == 4:
                ip[6 if v6 else 9] = r.choice((0, 1, 4, 6, 17, 41, 43, 44, 47, 50, 58, 60, 132))
            elif what == 5:
                to = 4 if v6 else r.choice((2, 6))
                ip[to : to + 2] = r.randbytes(2)
            elif what == 6:
                ip[7 if v6 else 8] = r.choice((0, 1, 2, 255))
            elif what == 7 and len(ip) > head + 14:
                ip[head + 13] = r.randrange(256)  # TCP's flags
            elif what == 8:
                del ip[r.randrange(len(ip)) :]
                if len(ip) < 20:
                    ip += r.randbytes(40)
        return self.mend(bytes(ip))

    def mend(self, ip):
        if self.rng.random() < 0.1:
            return ip
        if ip[0] >> 4 == 4 and len(ip) >= 20:
            ip = packet.put(packet.put(ip, 10, 0), 10, packet.checksum(packet.put(ip, 10, 0)[:20]))
            protocol, head = ip[9], 20
            ends = packet.text(ip[12:16]), packet.text(ip[16:20])
        elif len(ip) >= 40:
            protocol, head = ip[6], 40
            ends = packet.text(ip[8:24]), packet.text(ip[24:40])
        else:
            return ip
        return ip[:head] + packet.transport_sum(*ends, protocol, ip[head:])

    def made(self):
        r = self.rng
        v6 = r.random() < 0.5
        source, target = self.address(v6), self.address(v6)
        protocol = r.choice((TCP, UDP, ICMP6 if v6 else ICMP))
        sport, dport = r.choice(PORTS), r.choice(PORTS)
        if protocol == TCP:
            body = packet.tcp(sport, dport, r.randrange(64), r.getrandbits(32), r.getrandbits(32))
        elif protocol == UDP:
            body = packet.udp(sport, dport, r.randbytes(r.randrange(200)))
        else:
            body = packet.echo(6 if v6 else 4, r.choice(PORTS), 1, r.randbytes(8), r.random() < 0.5)
        kind = r.random()
        if kind < 0.2:
            return r.choice(packet.fragments(source, target, protocol, body.ljust(64, b"\0"),
                                             r.randrange(8), r.choice((8, 16, 32))))
        return packet.ip(source, target, protocol, body, ttl=r.choice((0, 1, 2, 64, 255)))

    def error(self):
        """About something live, or about a packet of an address that must not be told."""
        r = self.rng
        about = r.choice(self.seen) if self.seen and r.random() < 0.6 else self.made()
        if r.random() < 0.5:
            about = self.mutate(about)
        v6 = about[0] >> 4 == 6
        kinds = ((1, 2, 3, 4) if v6 else (3, 5, 11, 12))
        return packet.error(self.address(v6), self.address(v6), r.choice(kinds), r.randrange(6),
                            r.choice((0, 68, 576, 1280, 1400, 65535)), about, r.choice((28, 48, 60, 200)))

    def one(self):
        kind = self.rng.random()
        if self.seen and kind < 0.6:
            return self.mutate(self.rng.choice(self.seen))
        return self.made() if kind < 0.85 else self.error()

    def run(self, seconds, least):
        end, sent = time.monotonic() + seconds, 0
        while time.monotonic() < end or sent < least:
            self.learn()
            for _ in range(20):
                self.wire.send(self.one()[:1500])
                sent += 1
            time.sleep(0.005)
        return sent


if __name__ == "__main__":
    fuzz = Fuzz(Lab(sys.argv[1]), sys.argv[2], int(sys.argv[5]))
    print(fuzz.run(float(sys.argv[3]), int(sys.argv[4])))
