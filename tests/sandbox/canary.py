# SPDX-License-Identifier: BSD-2-Clause
"""canary.py: is a secret in the memory of a process? Needs root.

    canary.py keys PID                  session keys of a crypto process of the test build, as needles
    canary.py wire FILE.pcap [COUNT]    pieces of its last ciphertext, as needles
    canary.py scan PID NEEDLES          all that the process has mapped, and all memory behind its
                                        descriptors: one line per needle that was found

A needle is a line "NAME HEX". What cannot be read is named, and the exit code is 1 then: nothing
that was not looked at counts as clean.
"""
import os
import stat
import struct
import sys

# Pages of the kernel's, the same in every process.
KERNELS = ("[vvar]", "[vvar_vclock]", "[vsyscall]")
CHUNK = 1 << 24
MAGIC = b"ESCLUSA-SESSION-KEYS\0"


def mappings(pid):
    with open("/proc/%s/maps" % pid) as f:
        for line in f:
            words = line.split(None, 5)
            start, end = (int(x, 16) for x in words[0].split("-"))
            yield start, end, words[5].strip() if len(words) > 5 else "[anonymous]"


def memories(pid):
    """(name, bytes or None) of each mapping and each memory that a descriptor leads to."""
    with open("/proc/%s/mem" % pid, "rb", 0) as mem:
        for start, end, name in mappings(pid):
            if name in KERNELS:
                continue
            yield "%x-%x %s" % (start, end, name), read_at(mem, start, end)
    for fd in os.listdir("/proc/%s/fd" % pid):
        path = "/proc/%s/fd/%s" % (pid, fd)
        if stat.S_ISREG(os.stat(path).st_mode):
            name = os.readlink(path)
            if name.startswith("/memfd:"):
                with open(path, "rb", 0) as f:
                    yield "descriptor %s %s" % (fd, name), read_at(f, 0, os.fstat(f.fileno()).st_size)


def read_at(f, start, end):
    parts, at = [], start
    try:
        f.seek(start)
        while at < end:
            part = f.read(min(CHUNK, end - at))
            if not part:
                return None
            parts.append(part)
            at += len(part)
    except OSError:
        return None
    return b"".join(parts)


def keys(pid):
    for _, data in memories(pid):
        at = data.find(MAGIC) if data else -1
        if at < 0:
            continue
        mask, count = struct.unpack_from("<II", data, at + 24)
        for i in range(min(count, 64)):
            key = data[at + 32 + 32 * i :][:32]
            print("session-key-%d" % i, bytes(b ^ mask for b in key).hex())
        return
    sys.exit("process %s keeps no list of its session keys: not the test build?" % pid)


def wire(path, count):
    from wire import frames, kind

    found = []
    for frame in frames(path):
        if kind(frame)[0] == "data" and len(frame) >= 14 + 20 + 8 + 16 + 64:
            at = len(frame) - 48  # in the ciphertext, before its tag
            found.append(frame[at : at + 32])
    if len(found) < count:
        sys.exit("only %d data messages in %s" % (len(found), path))
    for i, piece in enumerate(found[-count:]):
        print("ciphertext-%d" % i, piece.hex())


def scan(pid, path):
    with open(path) as f:
        needles = [(line.split()[0], bytes.fromhex(line.split()[1])) for line in f]
    total, places, dark = 0, 0, []
    for name, data in memories(pid):
        if data is None:
            dark.append(name)
            continue
        total += len(data)
        places += 1
        for what, needle in needles:
            hits = data.count(needle)
            if hits:
                print("%s: %d times in %s" % (what, hits, name))
    print("looked at %d bytes in %d places" % (total, places))
    for name in dark:
        print("unreadable: " + name)
    sys.exit(1 if dark else 0)


sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../netns"))
if sys.argv[1] == "keys":
    keys(sys.argv[2])
elif sys.argv[1] == "wire":
    wire(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 100)
elif sys.argv[1] == "scan":
    scan(sys.argv[2], sys.argv[3])
else:
    sys.exit(__doc__)
