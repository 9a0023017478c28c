#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Table, JSON and plot of the measurements: medians of the rounds, and ratios between sides."""
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys

RATIOS = {  # question: pairs of (numerator, denominator)
    "goodput": [("esclusa", "wireguard-go")],
    "latency": [("esclusa", "wireguard-go")],
    "rate": [("aead", "copy")],
    "scale": [("250 peers", "1 peers")],
    "sandbox": [("all layers", "all waived")],
    "flood": [("esclusa", "wireguard-go")],
    "split": [("esclusa", "nftables"), ("Mode = router", "Mode = encryptor")],
}


def read(path):
    rows = {}
    with open(path) as lines:
        for line in lines:
            r = json.loads(line)
            key = (r["question"], r["case"], r["side"], r["unit"])
            rows.setdefault(key, []).append(float(r["value"]))
    return [
        {"question": q, "case": c, "side": s, "unit": u, "rounds": len(v),
         "median": statistics.median(v), "min": min(v), "max": max(v)}
        for (q, c, s, u), v in rows.items()
    ]


def ratios(rows):
    value = {(r["question"], r["case"], r["side"]): r["median"] for r in rows}
    found = []
    for (q, c, s), v in value.items():
        for over, under in RATIOS.get(q, []):
            base = value.get((q, c, under))
            if s == over and base:
                found.append({"question": q, "case": c, "side": over, "under": under,
                              "ratio": v / base, "of": f"{over} / {under}"})
    return found


def table(rows, found):
    ratio = {(f["question"], f["case"], f["side"]): f for f in found}
    last = None
    for r in sorted(rows, key=lambda r: r["question"]):
        if r["question"] != last:
            last = r["question"]
            print(f"\n{last}")
        f = ratio.get((r["question"], r["case"], r["side"]))
        note = f"   {f['ratio']:.2f} x {f['under']}" if f else ""
        print(f"  {r['case']:<22} {r['side']:<24} {r['median']:>12.4g} {r['unit']:<12}"
              f" ({r['min']:.4g} to {r['max']:.4g}){note}")


def plot(rows, folder):
    if not shutil.which("gnuplot"):
        return None
    png = os.path.join(folder, "results.png")
    sets = []
    script = [f'set terminal pngcairo size 1200,900; set output "{png}"',
              "set multiplot layout 2,1; set style data histogram; set style fill solid 0.8",
              "set yrange [0:*]; set grid ytics; set key top right; set boxwidth 0.9"]
    for question, sides, title in (
            ("goodput", ("esclusa", "wireguard-go"), "Mbit/s, host to host, two nodes"),
            ("rate", ("aead", "copy"), "packets/s, one node")):
        cases = list(dict.fromkeys(r["case"] for r in rows if r["question"] == question))
        if not cases:
            continue
        data = os.path.join(folder, f"{question}.dat")
        value = {(r["case"], r["side"]): r["median"] for r in rows if r["question"] == question}
        with open(data, "w") as f:
            print("case", *(f'"{s}"' for s in sides), file=f)
            for c in cases:
                if (c, sides[0]) in value:
                    print(f'"{c}"', *(value.get((c, s), 0) for s in sides), file=f)
        sets.append(data)
        script.append(f'set title "{title}"; plot "{data}" using 2:xtic(1) title columnheader, '
                      f'"" using 3 title columnheader')
    if not sets:
        return None
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)
    return png


# One curve for each kind of flood and side over the rate; without a flood all begin at one point.
def plot_flood(rows, folder):
    value = {}
    for r in rows:
        if r["question"] == "flood":
            what, kind, rate = r["case"].split(", ")
            value.setdefault((what, r["side"], kind), {})[rate] = r["median"]
    if not value or not shutil.which("gnuplot"):
        return None
    png = os.path.join(folder, "flood.png")
    script = [f'set terminal pngcairo size 1200,1500; set output "{png}"',
              "set multiplot layout 3,1; set grid; set key outside right; set yrange [0:*]"]
    for what, title in (("goodput", "Mbit/s of one TCP stream through the flooded node"),
                        ("datagrams", "percent of 12000 datagrams a second that arrive"),
                        ("handshake", "seconds until a new peer has a session")):
        rates = list(dict.fromkeys(k for (w, _, _), v in value.items() if w == what for k in v))
        rates.sort(key=lambda x: float("inf") if x == "max" else float(x))
        curves = []
        for (w, side, kind), points in value.items():
            if w != what or kind == "none":
                continue
            points = {**value.get((what, side, "none"), {}), **points}
            data = os.path.join(folder, f"flood-{what}-{side}-{kind}.dat")
            with open(data, "w") as f:
                for i, rate in enumerate(rates):
                    if rate in points:
                        print(i, points[rate], file=f)
            dash = "" if side == "esclusa" else " dashtype 2"
            curves.append(f'"{data}" with linespoints lw 2{dash} title "{side}: {kind}"')
        ticks = ", ".join(f'"{rate}" {i}' for i, rate in enumerate(rates))
        script.append(f'set title "{title}"; set xlabel "frames per second sent at it"; '
                      f"set xtics ({ticks}); plot {', '.join(curves)}")
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)
    return png


def main():
    source, folder = sys.argv[1:3]
    rows = read(source)
    found = ratios(rows)
    target = os.path.join(folder, "results.json")
    with open(target, "w") as f:
        json.dump({"machine": {"kernel": platform.release(), "cpus": os.cpu_count(),
                               "cpu": cpu_name()},
                   "results": rows, "ratios": found}, f, indent=1)
    table(rows, found)
    pngs = [p for p in (plot(rows, folder), plot_flood(rows, folder)) if p]
    print("\nwritten: " + ", ".join([target, *pngs]))


def cpu_name():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return "unknown"


if __name__ == "__main__":
    main()
