# SPDX-License-Identifier: BSD-2-Clause
"""flood.py: many packets that a node refuses, for a few seconds, as one attacker sends them.

    flood.py DEVICE MAC KIND SOURCE SECONDS RATE

To the node 100.64.1.1, port 51820, whose MAC address is MAC. SOURCE is an IPv4 or IPv6 address, or
`any` for a new IPv4 address in each packet. KIND: `mac1` is an initiation with a random mac1,
`session` a data packet of a session that does not exist, `malformed` a message of no type, `arp` a
broken ARP request. Prints `sending`, and at the end how many packets it sent.
"""
import random
import socket
import struct
import sys
import time

BATCH = 50


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def message(kind):
    if kind == "mac1":
        return b"\x01\0\0\0" + random.randbytes(144)
    if kind == "session":
        return b"\x04\0\0\0" + random.randbytes(60)
    return b"\x09\0\0\0" + random.randbytes(60)


def ip_packet(source, payload):
    if ":" in source:
        ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(
            socket.AF_INET6, "2001:db8:1::1"
        )
        udp = struct.pack("!HHHH", 1000, 51820, 8 + len(payload), 0) + payload
        total = ends + struct.pack("!II", len(udp), 17) + udp + b"\0" * (len(udp) % 2)
        udp = udp[:6] + struct.pack("!H", checksum(total)) + udp[8:]
        return b"\x86\xdd", struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + ends + udp
    sender = random.randbytes(3) if source == "any" else None
    sender = b"\x0b" + sender if sender else socket.inet_aton(source)
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, sender,
        socket.inet_aton("100.64.1.1"),
    )
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return b"\x08\0", head + struct.pack("!HHHH", 1000, 51820, 8 + len(payload), 0) + payload


def main():
    device, mac, kind, source, seconds, rate = sys.argv[1:]
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((device, 0))
    own, node = sock.getsockname()[4], bytes.fromhex(mac.replace(":", ""))
    frames = []
    for _ in range(2000):
        if kind == "arp":
            frames.append(node + own + b"\x08\x06" + random.randbytes(28))
        else:
            proto, packet = ip_packet(source, message(kind))
            frames.append(node + own + proto + packet)
    print("sending", flush=True)
    begin, sent = time.monotonic(), 0
    while (now := time.monotonic() - begin) < float(seconds):
        if sent > now * float(rate):
            time.sleep(0.002)
            continue
        for i in range(sent, sent + BATCH):
            sock.send(frames[i % len(frames)])
        sent += BATCH
    print(sent)


main()
