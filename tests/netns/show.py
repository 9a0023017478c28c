# SPDX-License-Identifier: BSD-2-Clause
"""show.py: questions about what `esclusa show NAME -j` says; the document comes on standard input.

    show.py field NAME                  a value at the top
    show.py counter DOMAIN REASON       packets
    show.py pid DOMAIN                  of a process
    show.py peer KEY FIELD              of the peer with this public key
    show.py sum DOMAIN                  packets of all reasons of a domain
    show.py frames                      exit 0: every frame is in one place, none lost
    show.py violations                  how many in all
    show.py violation DOMAIN KIND       how many that this process counted
    show.py flow                        exit 0: what a domain passed on, the next one took in
"""
import json
import sys

show = json.load(sys.stdin)


def counters(domain):
    found = {c["reason"]: c["packets"] for c in show["counters"] if c["domain"] == domain}
    if not found:
        known = sorted({c["domain"] for c in show["counters"]})
        sys.exit("no counters of %s; there are: %s" % (domain, " ".join(known)))
    return found


def frames():
    for side in show["frames"]:
        if side["sum"] != side["total"] or side["lost"]:
            sys.exit("frames of %(side)s: %(total)d, of which %(sum)d have a place" % side)


def flow():
    black, red = counters("black_xdp"), counters("red_xdp")
    process, crypto = counters("red"), counters("crypto")

    def total(of, prefix):
        return sum(n for name, n in of.items() if name.startswith(prefix))

    # Answers of the red process to the other site enter between the two; not all may be sent.
    answers = sum(process[r] for r in ("in_echo", "in_ttl", "in_too_big", "in_no_neighbour"))
    edges = {
        "black program to crypto": (
            black["to_crypto"],
            total(crypto, "in_") + total(counters("black_kernel"), "rx_"),
            0,
        ),
        "crypto to red": (crypto["in_opened"], total(process, "in_"), 0),
        "red program to red": (
            red["to_red"],
            total(process, "out_") + total(counters("red_kernel"), "rx_"),
            0,
        ),
        "red to crypto": (process["out_to_crypto"], total(crypto, "out_"), answers),
    }
    wrong = [
        "%s: %d passed on, %d taken in" % (edge, passed, taken)
        for edge, (passed, taken, more) in edges.items()
        if not passed <= taken <= passed + more
    ]
    if wrong:
        sys.exit("\n".join(wrong))


def one(rows, key, value):
    for row in rows:
        if row[key] == value:
            return row
    sys.exit("no %s %s" % (key, value))


def main(what, *args):
    if what == "field":
        print(show[args[0]])
    elif what == "counter":
        print(counters(args[0])[args[1]])
    elif what == "pid":
        print(one(show["domains"], "domain", args[0])["pid"])
    elif what == "peer":
        print(one(show["peers"], "public_key", args[0])[args[1]])
    elif what == "sum":
        print(sum(counters(args[0]).values()))
    elif what == "frames":
        frames()
    elif what == "flow":
        flow()
    elif what == "violation":
        print(one(show["violations"], "counted_by", args[0])[args[1]])
    elif what == "violations":
        print(sum(n for row in show["violations"] for n in row.values() if isinstance(n, int)))


main(*sys.argv[1:])
