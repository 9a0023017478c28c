# SPDX-License-Identifier: BSD-2-Clause
"""wire.py: what a capture of the black side holds.

    wire.py FILE.pcap clean [MARKER [loose]]
                                        exit 0: only WireGuard, ARP and ND, and no MARKER; loose:
                                        multicast listener reports may be there too
    wire.py FILE.pcap count KIND        how many frames are initiation, response, cookie, data,
                                        arp, nd, mld or other
    wire.py FILE.pcap tos               the values of the outer TOS / traffic class of WireGuard
                                        data messages, sorted, hexadecimal
"""
import collections
import errno
import struct
import sys
import time

WIREGUARD = {1: ("initiation", 148), 2: ("response", 92), 3: ("cookie", 64)}
PORT = 51820


def frames(path):
    with open(path, "rb") as f:
        head = f.read(24)
        order = "<" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        if len(head) < 24 or struct.unpack(order + "I", head[20:24])[0] != 1:
            sys.exit("%s is not an Ethernet capture" % path)
        while True:
            record = f.read(16)
            if len(record) < 16:
                return
            size = struct.unpack(order + "I", record[8:12])[0]
            yield f.read(size)


def send(raw, frame):
    """By a packet socket. A cable whose other end has no time refuses frames: then again."""
    while True:
        try:
            return raw.send(frame)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            time.sleep(0.001)


def udp_kind(udp):
    """Kind of a UDP packet; its ports may differ behind a NAT, so one of them must be ours."""
    if len(udp) < 8 or PORT not in struct.unpack("!HH", udp[:4]):
        return "other"
    message = udp[8 : struct.unpack("!H", udp[4:6])[0]]
    if len(message) < 32 or message[1:4] != b"\0\0\0":
        return "other"
    if message[0] in WIREGUARD:
        name, size = WIREGUARD[message[0]]
        return name if len(message) == size else "other"
    return "data" if message[0] == 4 else "other"


def kind(frame):
    """(kind, outer TOS or None)"""
    ethertype, ip = frame[12:14], frame[14:]
    if ethertype == b"\x08\x06":
        return "arp", None
    if ethertype == b"\x08\x00" and len(ip) >= 20:
        fragment = struct.unpack("!H", ip[6:8])[0] & 0x3FFF
        if ip[9] == 17 and not fragment and ip[0] == 0x45:
            return udp_kind(ip[20:]), ip[1]
    if ethertype == b"\x86\xdd" and len(ip) >= 40:
        tos = struct.unpack("!H", ip[:2])[0] >> 4 & 0xFF
        if ip[6] == 17:
            return udp_kind(ip[40:]), tos
        if ip[6] == 58 and len(ip) > 40 and ip[40] in (135, 136):
            return "nd", None
        if ip[6] == 0 and ip[40] == 58 and len(ip) > 48 and ip[48] == 143:
            return "mld", None
    return "other", None


def main(path, what, argument="", mode=""):
    counts, tos, found, odd = collections.Counter(), set(), 0, []
    marker = argument.encode() if what == "clean" else b""
    for frame in frames(path):
        name, value = kind(frame)
        counts[name] += 1
        if name == "data":
            tos.add(value)
        if name == "other" or (name == "mld" and mode != "loose"):
            odd.append(frame[:96].hex())
        if marker and marker in frame:
            found += 1
    if what == "count":
        print(counts[argument])
    elif what == "tos":
        print(" ".join("%02x" % t for t in sorted(tos)))
    else:
        print(dict(counts), "frames with the marker:", found)
        print("\n".join(odd[:10]))
        if found or odd or not counts["data"]:
            sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
