# SPDX-License-Identifier: BSD-2-Clause
"""flood.py: handshake initiations that nobody made, to put a WireGuard under load.

    flood.py ADDRESS PORT BURSTS_PER_SECOND

Each has the form of an initiation and random bytes in place of its fields and its mac1. Sent in
bursts that fill the receiver's queue of handshakes, with time for it to empty the queues on the
way between them; under load it is for a second after each. Goes on until it is ended.
"""
import os
import socket
import sys
import time

BURST = 1500


def main(address, port, per_second):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, int(port)))
    while True:
        for _ in range(BURST):
            try:
                sock.send(b"\1\0\0\0" + os.urandom(144))
            except OSError:
                pass  # a full queue on the way: the next ones may pass
        time.sleep(1 / int(per_second))


if __name__ == "__main__":
    main(*sys.argv[1:])
