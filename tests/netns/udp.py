# SPDX-License-Identifier: BSD-2-Clause
"""udp.py: numbered datagrams, each with a digest of its own content.

    udp.py receive ADDRESS PORT COUNT       exit 0 when all COUNT came, once each, intact
    udp.py send ADDRESS PORT COUNT SIZE     exit 0 when each was acknowledged by its number

Only as much is under way at a time as the smallest queue in between holds, so that a lost datagram
is a fault of what is between the two.
"""
import hashlib
import os
import socket
import sys

WINDOW = 12000
TIMEOUT = 20
SO_RCVBUFFORCE = 33  # beyond what the machine lets everybody have


def endpoint(address):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    s.settimeout(TIMEOUT)
    return s


def receive(address, port, count):
    s = endpoint(address)
    s.bind((address, port))
    print("ready", flush=True)
    seen = set()
    try:
        while len(seen) < count:
            data, sender = s.recvfrom(65535)
            body, digest = data[:-32], data[-32:]
            if hashlib.sha256(body).digest() != digest:
                sys.exit("a datagram of %d bytes came damaged" % len(data))
            number = int.from_bytes(body[:8], "big")
            if number in seen:
                sys.exit("datagram %d came twice" % number)
            seen.add(number)
            s.sendto(body[:8], sender)
    except socket.timeout:
        sys.exit("%d of %d datagrams came" % (len(seen), count))


def send(address, port, count, size):
    s = endpoint(address)
    s.connect((address, port))
    acknowledged = 0
    try:
        for number in range(count):
            body = number.to_bytes(8, "big") + os.urandom(size - 40)
            s.send(body + hashlib.sha256(body).digest())
            if (number + 1 - acknowledged) * size >= WINDOW:
                s.recv(8)
                acknowledged += 1
        while acknowledged < count:
            s.recv(8)
            acknowledged += 1
    except socket.timeout:
        sys.exit("%d of %d datagrams were acknowledged" % (acknowledged, count))


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
