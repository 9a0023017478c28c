# SPDX-License-Identifier: BSD-2-Clause
"""guard.py: what crypto told the black program (maps/guard.h), and work for both.

    guard.py MAP abi | load | mac1 | cookie     that word of the pinned map
    guard.py MAP sessions                       the indices in it, one per line, hexadecimal
    guard.py MAP known                          the addresses in it, one per line
    guard.py MAP zero                           exit 0 if all of it is zero
    guard.py FILE.pcap receivers                the indices to which a capture's data messages go
    guard.py DEVICE forge MAC KEY COUNT [FROM]  initiations to 100.64.1.1 from invented sources or
                                                FROM: noise, but for the mac1 that KEY, a public
                                                one, makes
"""
import base64
import hashlib
import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys

import wire

WORDS = {"abi": 0, "load": 1, "mac1": 2, "cookie": 3}
SESSIONS, KNOWN = 16 + 6 * 32, 16 + 6 * 32 + 4 * 8192


def value(path):
    dump = subprocess.run(["bpftool", "-j", "map", "lookup", "pinned", path, "key", "0", "0", "0",
                           "0"], check=True, capture_output=True)
    return bytes(int(byte, 16) for byte in json.loads(dump.stdout)["value"])


def show(path, what):
    guard = value(path)
    if what in WORDS:
        print(struct.unpack_from("=I", guard, 4 * WORDS[what])[0])
    elif what == "sessions":
        for slot, index in enumerate(struct.unpack_from("=8192I", guard, SESSIONS)):
            if index % 8192 != slot and index:
                sys.exit("index %x is not in its slot" % index)
            if index:
                print("%08x" % index)
    elif what == "known":
        for at in range(KNOWN, len(guard), 16):
            if any(guard[at : at + 16]):
                address = ipaddress.IPv6Address(guard[at : at + 16])
                print(address.ipv4_mapped or address)
    elif any(guard):
        sys.exit("there is something left")


def receivers(path):
    found = set()
    for frame in wire.frames(path):
        if wire.kind(frame)[0] == "data" and frame[12:14] == b"\x08\x00":
            found.add("%08x" % struct.unpack_from("<I", frame, 14 + 20 + 8 + 4)[0])
    print("\n".join(sorted(found)))


def forge(device, mac, key, count, source=None):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((device, 0))
    key = hashlib.blake2s(b"mac1----" + base64.b64decode(key)).digest()
    ethernet = bytes.fromhex(mac.replace(":", "")) + out.getsockname()[4] + b"\x08\x00"
    target = socket.inet_aton("100.64.1.1")
    for _ in range(count):
        head = struct.pack("!BBHHHBBH", 0x45, 0, 176, 0, 0x4000, 64, 17, 0)
        head += (socket.inet_aton(source) if source else b"\x0b" + os.urandom(3)) + target
        total = sum(struct.unpack("!10H", head))
        total = (total & 0xFFFF) + (total >> 16)
        total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        head = head[:10] + struct.pack("!H", total) + head[12:]
        message = b"\x01\0\0\0" + os.urandom(112)
        message += hashlib.blake2s(message, key=key, digest_size=16).digest() + bytes(16)
        wire.send(out, ethernet + head + struct.pack("!HHHH", 9999, wire.PORT, 156, 0) + message)


if __name__ == "__main__":
    if sys.argv[2] == "forge":
        forge(sys.argv[1], sys.argv[3], sys.argv[4], int(sys.argv[5]), *sys.argv[6:])
    elif sys.argv[2] == "receivers":
        receivers(sys.argv[1])
    else:
        show(sys.argv[1], sys.argv[2])
