# SPDX-License-Identifier: BSD-2-Clause
"""hostile.py: frames that no honest neighbour sends.

    hostile.py DEVICE MAC SIDE COUNT SEED [FILE.pcap]

SIDE is black (towards 100.64.1.1) or red (towards 10.1.0.1 and, through it, 10.2.0.0/16). Most
frames are right up to some layer and wrong from there on, so that every check sees some; FILE adds
frames that were on the wire, as they were and with a bit turned.
"""
import random
import socket
import struct
import sys
import time

import wire

V4 = {"black": ("100.64.1.254", "100.64.1.1"), "red": ("10.1.0.2", "10.2.0.2")}
V6 = {"black": ("2001:db8:1::ffff", "2001:db8:1::1"), "red": ("fd00:1::2", "fd00:2::2")}
OWN4 = {"black": "100.64.1.1", "red": "10.1.0.1"}


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Hostile:
    def __init__(self, device, mac, side, seed, path):
        self.rng = random.Random(seed)
        self.side = side
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((device, 0))
        self.own = self.socket.getsockname()[4]
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.seen = self.read(path) if path else []

    def read(self, path):
        with open(path, "rb") as f:
            data, frames, at = f.read(), [], 24
        while at + 16 <= len(data) and len(frames) < 500:
            size = struct.unpack("<I", data[at + 8 : at + 12])[0]
            frames.append(data[at + 16 : at + 16 + size])
            at += 16 + size
        return [f for f in frames if len(f) >= 14]

    def some(self, low, high):
        return self.rng.randbytes(self.rng.randint(low, high))

    def often(self, value, other):
        return value if self.rng.random() < 0.9 else other

    def wireguard(self):
        kind = self.rng.choice([0, 1, 2, 3, 4, 4, 4, 5, 255])
        size = self.rng.choice([{1: 144, 2: 88, 3: 60}.get(kind, 28), self.rng.randint(0, 1460)])
        return bytes([kind, 0, 0, self.often(0, 1)]) + self.rng.randbytes(size)

    def udp(self):
        body = self.wireguard() if self.rng.random() < 0.7 else self.some(0, 1400)
        port = self.often(51820, self.rng.randint(0, 65535))
        length = self.often(len(body) + 8, self.rng.randint(0, 65535))
        return struct.pack("!HHHH", self.rng.randint(0, 65535), port, length, 0) + body

    def payload(self):
        number = self.rng.choice([17, 17, 17, 1, 6, 58, 47, 0, 43, 44, 60, self.rng.randint(0, 255)])
        return number, self.udp() if number == 17 else self.some(0, 1400)

    def ipv4(self):
        number, body = self.payload()
        source, target = V4[self.side]
        source = self.often(socket.inet_aton(source), self.rng.randbytes(4))
        target = self.rng.choice([socket.inet_aton(target), socket.inet_aton(OWN4[self.side]),
                                  self.rng.randbytes(4)])
        words = self.often(5, self.rng.randint(0, 15))
        options = self.rng.randbytes(max(0, words - 5) * 4)
        length = self.often(20 + len(options) + len(body), self.rng.randint(0, 65535))
        fragment = self.often(0x4000, self.rng.randint(0, 65535))
        head = struct.pack("!BBHHHBBH4s4s", self.often(4, 6) << 4 | words, self.rng.randint(0, 255),
                           length, self.rng.randint(0, 65535), fragment, self.rng.randint(0, 255),
                           number, 0, source, target)
        total = self.often(checksum(head + options), self.rng.randint(0, 65535))
        return b"\x08\x00", head[:10] + struct.pack("!H", total) + head[12:] + options + body

    def ipv6(self):
        number, body = self.payload()
        source, target = V6[self.side]
        source = self.often(socket.inet_pton(socket.AF_INET6, source), self.rng.randbytes(16))
        target = self.often(socket.inet_pton(socket.AF_INET6, target), self.rng.randbytes(16))
        head = struct.pack("!IHBB", self.often(6, 4) << 28 | self.rng.randint(0, 0xFFFFFFF),
                           self.often(len(body), self.rng.randint(0, 65535)), number,
                           self.rng.randint(0, 255))
        return b"\x86\xdd", head + source + target + body

    def neighbour(self):
        if self.rng.random() < 0.5:
            return b"\x08\x06", struct.pack("!HHBBH", 1, self.often(0x800, 0), self.often(6, 8), 4,
                                            self.rng.randint(0, 3)) + self.some(0, 40)
        body = bytes([self.rng.randint(133, 137), 0]) + self.some(0, 60)
        head = struct.pack("!IHBB", 6 << 28, len(body), 58, self.often(255, 64))
        return b"\x86\xdd", head + self.some(32, 32) + body

    def replay(self):
        frame = bytearray(self.rng.choice(self.seen))
        if self.rng.random() < 0.5:
            frame[self.rng.randrange(len(frame))] ^= 1 << self.rng.randrange(8)
        return bytes(frame[12:14]), bytes(frame[14:])

    def frame(self):
        kinds = [self.ipv4, self.ipv4, self.ipv6, self.ipv6, self.neighbour,
                 lambda: (self.rng.randbytes(2), self.some(0, 1500))]
        if self.seen:
            kinds.append(self.replay)
        ethertype, body = self.rng.choice(kinds)()
        if self.rng.random() < 0.1:
            body = body[: self.rng.randint(0, len(body))]
        target = self.often(self.mac, self.rng.choice([b"\xff" * 6, self.rng.randbytes(6)]))
        return (target + self.own + ethertype + body)[:1514]

    def send(self, count):
        for number in range(count):
            wire.send(self.socket, self.frame())
            if number % 32 == 31:
                time.sleep(0.004)


if __name__ == "__main__":
    Hostile(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[5]),
            sys.argv[6] if len(sys.argv) > 6 else None).send(int(sys.argv[4]))
