# SPDX-License-Identifier: BSD-2-Clause
"""poke.py: makes a real process hang, by exchanging the code that its system call returns to.

    poke.py PID spin      it runs in a circle
    poke.py PID sleep     it waits for what never comes: poll without a descriptor

Prints when that was (UNIX time). Exit code 77: this machine's instructions are not known here.
"""
import os
import sys
import time

# Position-independent; sleep is ppoll(NULL, 0, NULL, NULL), again and again.
CODE = {
    "x86_64": {
        "spin": bytes.fromhex("ebfe"),
        "sleep": bytes.fromhex("b80f010000 31ff 31f6 31d2 4531d2 0f05 ebee"),
    },
    "aarch64": {
        "spin": bytes.fromhex("00000014"),
        "sleep": bytes.fromhex("280980d2 000080d2 010080d2 020080d2 030080d2 010000d4 faffff17"),
    },
}


def returns_to(pid):
    """Where the system call that the process sleeps in goes on: the last word of the line."""
    for _ in range(10000):
        with open("/proc/%s/syscall" % pid, encoding="ascii") as f:
            words = f.read().split()
        if len(words) > 2:
            return int(words[-1], 16)
        time.sleep(0.001)
    sys.exit("process %s never sleeps" % pid)


def main(pid, how):
    machine = os.uname().machine
    if machine not in CODE:
        print("skip: no code for %s" % machine)
        sys.exit(77)
    at = returns_to(pid)
    with open("/proc/%s/mem" % pid, "r+b", buffering=0) as mem:
        mem.seek(at)
        mem.write(CODE[machine][how])
    print(time.time())


if __name__ == "__main__":
    main(*sys.argv[1:])
