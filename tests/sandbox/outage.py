# SPDX-License-Identifier: BSD-2-Clause
"""outage.py: how long traffic stood still after each fault.

    outage.py PING.log FAULTS SECONDS

PING.log is what `ping -D` wrote, FAULTS has one UNIX time per line. Prints how many there were, the
median and the longest time from a fault until packets passed again; exit 1 if one is longer than
SECONDS or the median than a third of that, or if traffic never came back.
"""
import re
import statistics
import sys

# What was on its way arrives a little after the fault; an outage has begun by then.
BEGIN = 0.3


def outage(fault, replies):
    """From the fault to the end of the longest pause that began right after it."""
    longest, end = 0.0, fault
    for before, after in zip(replies, replies[1:]):
        if before > fault + BEGIN:
            break
        if after > fault and after - before > longest:
            longest, end = after - before, after
    return end - fault


def main(log, faults, bound):
    with open(log, encoding="utf-8") as f:
        replies = [float(m[1]) for m in re.finditer(r"^\[([\d.]+)\] \d+ bytes from", f.read(), re.M)]
    with open(faults, encoding="utf-8") as f:
        times = [float(line) for line in f]
    if not times or not replies or replies[-1] < times[-1]:
        sys.exit("no traffic after the last of %d faults" % len(times))
    took = [outage(t, replies) for t in times]
    print(
        "%d faults: packets passed again after %.0f ms (median), at the latest %.0f ms"
        % (len(took), 1000 * statistics.median(took), 1000 * max(took))
    )
    if max(took) > float(bound) or 3 * statistics.median(took) > float(bound):
        sys.exit("that is more than %s s, or a third of that" % bound)


if __name__ == "__main__":
    main(*sys.argv[1:])
