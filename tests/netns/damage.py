# SPDX-License-Identifier: BSD-2-Clause
"""damage.py FROM TO OBJECT | damage.py FROM TO TEXT WRONG

Copies a program, as executable, with one bit of an embedded file changed, or with one text of its
data replaced by one of the same length. Either must be in the program exactly once.
"""
import os
import sys

source, target, what, *wrong = sys.argv[1:]
if wrong:
    old, new = what.encode(), wrong[0].encode()
else:
    with open(what, "rb") as f:
        old = f.read()
    middle = len(old) // 2
    new = old[:middle] + bytes([old[middle] ^ 1]) + old[middle + 1 :]
with open(source, "rb") as f:
    program = f.read()
if program.count(old) != 1 or len(old) != len(new):
    sys.exit(f"{what} is {program.count(old)} times in {source}")
with open(target, "wb") as f:
    f.write(program.replace(old, new))
os.chmod(target, 0o755)
