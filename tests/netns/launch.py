# SPDX-License-Identifier: BSD-2-Clause
"""launch.py SOCKET SIDE|short: asks a launcher to start a process of that side, with descriptors
that are not those of ipc/fds.h. Exit code 0 if it hangs up without an answer, 1 if it answers or
cannot be reached."""
import socket
import struct
import sys

s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(30)
s.connect(sys.argv[1])
if sys.argv[2] == "short":
    s.send(b"\1\0\0\0")
else:
    message = struct.pack("=III16siiii", 1, int(sys.argv[2]), 0, b"node", 0, 0, 0, 0)
    socket.send_fds(s, [message], [0, 0, 0])
try:
    answer = s.recv(4096)
except ConnectionError:
    answer = b""
sys.exit(1 if answer else 0)
