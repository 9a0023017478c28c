# SPDX-License-Identifier: BSD-2-Clause
"""scan.py: is a key in a process's memory?

    scan.py PID KEY          KEY in base64; looks for its bytes, and for it as base64 and hexadecimal

Reads all that the process has mapped for itself. Exit code 0: it is there (and where is printed),
1: it is not, 2: the memory could not be read.
"""
import base64
import os
import sys

pid, text = sys.argv[1], sys.argv[2].strip()
key = base64.b64decode(text)
forms = {
    "bytes": key,
    "base64": text.rstrip("=").encode(),
    "hexadecimal": key.hex().encode(),
    "HEXADECIMAL": key.hex().upper().encode(),
}
scanned = found = 0
with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as mem:
    for line in maps:
        area, mode = line.split()[:2]
        start, end = (int(x, 16) for x in area.split("-"))
        if line.rstrip().endswith(("[vvar]", "[vsyscall]")) or "[vvar" in line:
            continue
        try:
            data = os.pread(mem.fileno(), end - start, start)
        except OSError as e:
            if "r" in mode:
                print("%s: %s" % (line.strip(), e), file=sys.stderr)
                sys.exit(2)
            continue  # a guard page
        scanned += len(data)
        for form, what in forms.items():
            at = data.find(what)
            if at >= 0:
                found += 1
                print("%s at %#x: %s" % (form, start + at, line.strip()))
if not scanned:
    sys.exit(2)
sys.exit(0 if found else 1)
