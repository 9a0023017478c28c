# SPDX-License-Identifier: BSD-2-Clause
"""terminal.py: a command at a terminal of its own, and somebody who answers it.

    terminal.py LOG ANSWER... -- COMMAND...

Types one ANSWER for each line that ends in ": " and waits; "^C" is that key. What the terminal shows
goes to LOG. Fails if the terminal echoes while it is asked, or does not when the command has ended.
Exit code: the command's, 128 + N for signal N; 99: the terminal was left or put wrong.
"""
import fcntl
import os
import pty
import re
import select
import signal
import sys
import termios

split = sys.argv.index("--")
log, answers, command = sys.argv[1], sys.argv[2:split], sys.argv[split + 1 :]

master, slave = pty.openpty()
pid = os.fork()
if pid == 0:
    os.close(master)
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.close(slave)
    os.execvp(command[0], command)

signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
signal.signal(signal.SIGINT, lambda *_: os.kill(pid, signal.SIGINT))


def echoes():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)


wrong = 0
seen = b""
done = None
with open(log, "wb", 0) as out:
    while True:
        if select.select([master], [], [], 0.05)[0]:
            data = os.read(master, 4096)
            out.write(data)
            seen += data
            continue
        if done is not None:
            break
        if answers and re.search(rb": $", seen):
            if echoes():
                print("the terminal echoes while it asks", file=sys.stderr)
                wrong = 99
            answer = answers.pop(0)
            seen = b""
            os.write(master, b"\x03" if answer == "^C" else answer.encode() + b"\n")
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            done = status
if not echoes():
    print("the terminal was left without echo", file=sys.stderr)
    wrong = 99
if answers:
    print("nobody asked for %d of the answers" % len(answers), file=sys.stderr)
    wrong = 99
code = os.waitstatus_to_exitcode(done)
sys.exit(wrong or (code if code >= 0 else 128 - code))
