# SPDX-License-Identifier: BSD-2-Clause
"""replay.py: sends the frames of a capture again, to another MAC address.

    replay.py DEVICE MAC FILE.pcap
"""
import socket
import sys

from wire import frames, send


def main(device, mac, path):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((device, 0))
    target = bytes.fromhex(mac.replace(":", ""))
    for frame in frames(path):
        send(s, target + frame[6:])


if __name__ == "__main__":
    main(*sys.argv[1:])
