# SPDX-License-Identifier: BSD-2-Clause
"""connections.py: many connections at once from a host, and questions about a node's list of them.

    connections.py hold N ADDRESS        N downloads of /slow; prints every second how many of them
                                         brought something in it: "alive N"
    connections.py udp N ADDRESS PORT [BATCH [SECONDS]]
                                         N datagrams, each from a port of its own, so many at once,
                                         which are waited for so long, and a pause; prints how many
                                         were answered
    connections.py match KEY=VALUE...    of the list (JSON) on standard input: those with all of
                                         these values; prints one key: KEY? ; exit 1: none
"""
import json
import selectors
import socket
import sys
import time


def hold(count, address):
    chosen = selectors.DefaultSelector()
    for _ in range(count):
        s = socket.create_connection((address, 80), timeout=10)
        s.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
        s.setblocking(False)
        chosen.register(s, selectors.EVENT_READ)
    while True:
        heard, end = set(), time.monotonic() + 1
        while time.monotonic() < end:
            for key, _ in chosen.select(0.1):
                try:
                    data = key.fileobj.recv(65536)
                except OSError:
                    data = b""
                if data:
                    heard.add(key.fd)
                else:
                    chosen.unregister(key.fileobj)
        print("alive", len(heard), flush=True)


def udp(count, address, port, size=100, patience=0.3):
    answered = 0
    for begin in range(0, count, size):
        batch = []
        for _ in range(min(size, count - begin)):
            s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            s.connect((address, port))
            try:
                s.send(b"?")
            except OSError:  # an ICMP error about one before it
                pass
            batch.append(s)
        end = time.monotonic() + patience
        for s in batch:
            s.settimeout(max(0.001, end - time.monotonic()))
            try:
                answered += bool(s.recv(100))
            except OSError:
                pass
            s.close()
        time.sleep(0.05)
    print(answered)


def match(wanted):
    show, want = [], {}
    for word in wanted:
        if word.endswith("?"):
            show.append(word[:-1])
        else:
            key, value = word.split("=", 1)
            want[key] = value
    found = [c for c in json.load(sys.stdin) if all(str(c.get(k)) == v for k, v in want.items())]
    for c in found:
        print(*(c[k] for k in show))
    sys.exit(not found)


command, words = sys.argv[1], sys.argv[2:]
if command == "hold":
    hold(int(words[0]), words[1])
elif command == "udp":
    udp(int(words[0]), words[1], *map(int, words[2:]))
else:
    match(words)
