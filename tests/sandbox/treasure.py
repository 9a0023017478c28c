# SPDX-License-Identifier: BSD-2-Clause
"""treasure.py COMMAND...: run it where there is something to steal: a key in the session's keyring,
and shared memory for all in its IPC namespace (the caller gives it one of its own: unshare -i)."""
import ctypes
import os
import sys

ADD_KEY, KEYCTL = (248, 250) if os.uname().machine == "x86_64" else (217, 219)
JOIN_SESSION_KEYRING, SESSION_KEYRING = 1, -3
SHM_KEY, IPC_CREAT = 0xE5C1, 0o1000

libc = ctypes.CDLL(None, use_errno=True)


def must(what, result):
    if result < 0:
        sys.exit("%s: %s" % (what, os.strerror(ctypes.get_errno())))


must("session keyring", libc.syscall(KEYCTL, JOIN_SESSION_KEYRING, None))
must("key", libc.syscall(ADD_KEY, b"user", b"esclusa-attack", b"secret", 6, SESSION_KEYRING))
must("shared memory", libc.shmget(SHM_KEY, 4096, IPC_CREAT | 0o666))
os.execv(sys.argv[1], sys.argv[1:])
