# SPDX-License-Identifier: BSD-2-Clause
"""space.py: sockets in the namespaces of a lab, from one program.

A test is a function of a Lab: it has the LAN's hosts (lan, lan2), the server (srv), and what is on
the wire before the node (net). main() runs those named on the command line, after the lab's tag.
"""
import contextlib
import ctypes
import errno
import os
import select
import socket
import subprocess
import sys
import time

import packet

CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
HOME = os.open("/proc/self/ns/net", os.O_RDONLY)
LIBC = ctypes.CDLL(None, use_errno=True)

OWN4, OWN6 = "100.64.1.1", "2001:db8:1::1"
SRV4, SRV4B, SRV6, SRV6B = "198.51.100.2", "198.51.100.3", "2001:db8:f::2", "2001:db8:f::3"
LAN4, LAN4B, LAN6, LAN6B = "10.1.0.2", "10.1.0.3", "2001:db8:a1::2", "2001:db8:a1::3"
TIMEOUT = 20  # for what must come


def enter(fd):
    if LIBC.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def check(what, got, wanted):
    if got != wanted:
        sys.exit("%s: %s, expected %s" % (what, got, wanted))


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Space:
    def __init__(self, tag, name):
        self.fd = os.open("/run/netns/%s-%s" % (tag, name), os.O_RDONLY)

    @contextlib.contextmanager
    def inside(self):
        enter(self.fd)
        try:
            yield
        finally:
            enter(HOME)

    def run(self, *command):
        with self.inside():
            return subprocess.run(command, capture_output=True, text=True, check=False)

    def udp(self, address, port=0):
        with self.inside():
            s = socket.socket(family(address), socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the last one gets what comes
        s.bind((address, port))
        s.settimeout(TIMEOUT)
        return s

    def tcp(self, address, port=0):
        """More than one may have the same port: connections to several servers."""
        with self.inside():
            s = socket.socket(family(address), socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind((address, port))
        s.settimeout(TIMEOUT)
        return s

    def listen(self, address, port=0):
        s = self.tcp(address, port)
        s.listen(20)
        return s

    def echo(self, address, ident=0):
        """A socket of ICMP packets of this host, IP header included where the kernel gives it."""
        with self.inside():
            s = socket.socket(family(address), socket.SOCK_RAW,
                              packet.ICMP6 if ":" in address else packet.ICMP)
        s.bind((address, 0))
        s.settimeout(TIMEOUT)
        return s

    def wire(self, device, mac=None):
        return Wire(self, device, mac)

    def mac(self, device):
        with self.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind((device, 0))
            return s.getsockname()[4]


class Wire:
    """What comes in on a device, and frames out of it, towards the host with `mac`."""

    def __init__(self, space, device, mac):
        with space.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((device, 0))
        self.own, self.mac = self.socket.getsockname()[4], mac
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)

    def send(self, ip):
        """A cable whose other end has no time refuses frames: then again."""
        ethertype = b"\x86\xdd" if ip[0] >> 4 == 6 else b"\x08\x00"
        frame = (self.mac + self.own + ethertype + ip).ljust(60, b"\0")
        while True:
            try:
                self.socket.send(frame)
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
            time.sleep(0.001)

    def received(self, seconds=0.5):
        """IP packets that came in until now and within that time, but for what hosts say by
        themselves: neighbour discovery, multicast groups."""
        end = time.monotonic() + seconds
        while True:
            left = max(0, end - time.monotonic())
            if not select.select([self.socket], [], [], left)[0]:
                return
            frame, where = self.socket.recvfrom(65535)
            if where[2] == socket.PACKET_OUTGOING:
                continue
            p = packet.parse(frame[14:])
            if p and p.target != "ff02::16" and not (
                    p.protocol == packet.ICMP6 and 130 <= getattr(p, "kind", 0) <= 143):
                yield p

    def wait(self, fits, seconds=TIMEOUT):
        """The next packet that fits, or None."""
        for p in self.received(seconds):
            if fits(p):
                return p
        return None

    def quiet(self, what, fits=lambda p: True, seconds=0.5):
        for p in self.received(seconds):
            if fits(p):
                sys.exit("%s: %s to %s, protocol %d: %s" %
                         (what, p.source, p.target, p.protocol, p.raw.hex()))

    def drain(self):
        list(self.received(0))


class Lab:
    def __init__(self, tag):
        self.lan, self.srv, self.net, self.node = (
            Space(tag, name) for name in ("lana", "srv", "net", "a"))
        with contextlib.suppress(FileNotFoundError):
            self.lan2 = Space(tag, "lana2")
        # The internet's side of the node's cable, and the LAN host's
        self.outside = self.net.wire("a0", self.node.mac("black0"))
        self.inside = self.lan.wire("lan0", self.node.mac("red0"))

    def mapping(self, s, address=SRV4, port=3478):
        """Asks the server (which the test is) where a UDP socket's packets come from."""
        server = self.srv.udp(address, port)
        s.sendto(b"who?", (address, port))
        _, seen = server.recvfrom(100)
        return seen[:2], server


def received(s, what, wanted):
    """The next datagram's content, which must be that."""
    try:
        data, sender = s.recvfrom(65535)
    except socket.timeout:
        sys.exit("%s: nothing came" % what)
    check(what, data, wanted)
    return sender[:2]


def nothing(s, what, seconds=0.5):
    s.settimeout(seconds)
    try:
        data, sender = s.recvfrom(65535)
        sys.exit("%s: %d bytes came from %s" % (what, len(data), sender))
    except socket.timeout:
        pass
    finally:
        s.settimeout(TIMEOUT)


def main(tests):
    lab = Lab(sys.argv[1])
    for name in sys.argv[2:]:
        tests[name](lab)
