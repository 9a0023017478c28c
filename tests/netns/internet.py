# SPDX-License-Identifier: BSD-2-Clause
"""internet.py: servers of a lab's internet, on all addresses of their namespace.

    internet.py DIRECTORY

HTTP on port 80: GET of the directory's files; GET /who: the client's address and port as the server
sees them; GET /slow: a number every tenth of a second until the client has enough; PUT: the digest
of what came. UDP on ports 3478 and 3479: the sender's address and port. Prints "ready".
"""
import hashlib
import http.server
import os
import socket
import sys
import threading
import time


def plain(address):
    return address[7:] if address.startswith("::ffff:") else address


class Handler(http.server.SimpleHTTPRequestHandler):
    def say(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/who":
            self.say("%s %d\n" % (plain(self.client_address[0]), self.client_address[1]))
        elif self.path == "/slow":
            self.slow()
        else:
            super().do_GET()

    def slow(self):
        self.send_response(200)
        self.end_headers()
        number = 0
        while True:
            number += 1
            try:
                self.wfile.write(b"%d\n" % number)
            except OSError:
                return
            time.sleep(0.1)

    def do_PUT(self):
        left, digest = int(self.headers["Content-Length"]), hashlib.sha256()
        while left:
            data = self.rfile.read(min(left, 65536))
            if not data:
                return
            digest.update(data)
            left -= len(data)
        self.say(digest.hexdigest() + "\n")


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 256


# Answers come from the address that was asked: one socket for each.
def bound(address, port):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    return s


def probe(s):
    while True:
        try:
            _, sender = s.recvfrom(2048)
            s.sendto(("%s %d" % sender[:2]).encode(), sender)
        except OSError:  # an ICMP error about an answer
            pass


def addresses():
    found = []
    for line in os.popen("ip -o addr show scope global"):
        found.append(line.split()[3].split("/")[0])
    return found


def main(directory):
    os.chdir(directory)
    for address in addresses():
        for port in (3478, 3479):
            threading.Thread(target=probe, args=(bound(address, port),), daemon=True).start()
    server = Server(("::", 80), Handler)
    print("ready", flush=True)
    server.serve_forever()


main(sys.argv[1])
