# SPDX-License-Identifier: BSD-2-Clause
"""flood.py: handshake initiations that nobody made, to put a WireGuard under load.

    flood.py ADDRESS PORT PER_SECOND SECONDS

Each has the form of an initiation and random bytes in place of its fields and its mac1. Sent in
bursts, twenty a second, so that the receiver's queue of handshakes fills.
"""
import os
import socket
import sys
import time

BURSTS = 20


def main(address, port, per_second, seconds):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, int(port)))
    start = time.monotonic()
    for burst in range(int(seconds) * BURSTS):
        time.sleep(max(0, start + burst / BURSTS - time.monotonic()))
        for _ in range(int(per_second) // BURSTS):
            try:
                sock.send(b"\1\0\0\0" + os.urandom(144))
            except OSError:
                pass  # a full queue on the way: the next ones may pass


if __name__ == "__main__":
    main(*sys.argv[1:])
