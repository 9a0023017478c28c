# SPDX-License-Identifier: BSD-2-Clause
"""router_nft.py: a node's [Split] and [Firewall] as a ruleset of nftables.

    router_nft.py FILE.conf

For labs in which the kernel's router stands where the node would. Tunnels are left out.
"""
import sys

HEAD = """table inet router
delete table inet router
table inet router {
"""


def read(path):
    section, rows = "", []
    with open(path) as lines:
        for line in lines:
            line = line.split("#")[0].strip()
            if line.startswith("["):
                section = line.strip("[]").lower()
            elif "=" in line and section in ("split", "firewall"):
                key, value = line.split("=", 1)
                rows.append((section, key.strip().lower(), value.strip()))
    return rows


# "PROTOCOL [PORTS] [to PREFIX] [from PREFIX]"
def match(text, source="from"):
    words = text.split()
    protocol, found = words.pop(0), []
    ports = words.pop(0) if words and words[0] not in ("to", "from") else None
    for what, prefix in zip(words[::2], words[1::2]):
        if prefix != "any":
            family = "ip6" if ":" in prefix else "ip"
            found.append("%s %s %s" % (family, "saddr" if what == source else "daddr", prefix))
    if protocol == "icmp":
        found.append("meta l4proto { icmp, ipv6-icmp }")
    elif protocol != "any":
        found.append("meta l4proto " + protocol)
        if ports:
            found.append("%s dport { %s }" % (protocol, ports))
    return " ".join(found)


# "tcp 8080 to 10.1.0.5:80 [from PREFIX]", ports or ranges of the same length.
def forward(value):
    protocol, ports, _, target, *rest = value.split()
    address, _, to = target.partition(":")
    sources = "ip saddr %s " % rest[1] if rest else ""
    rows = []
    first, last = (int(p) for p in (ports.split("-") if "-" in ports else (ports, ports)))
    to = int((to or ports).split("-")[0])
    for port in range(first, last + 1):
        rows.append("ip daddr 100.64.1.1 %s%s dport %d dnat ip to %s:%d" %
                    (sources, protocol, port, address, to + port - first))
    return rows


def main(path):
    rows = read(path)
    otherwise, rules, forwards, opens, ports = "allow", [], [], [], "1024-65535"
    for section, key, value in rows:
        if (section, key) == ("split", "default"):
            otherwise = value
        elif (section, key) == ("split", "ports"):
            ports = value
        elif section == "split" and key in ("allow", "deny"):
            end = "accept" if key == "allow" else "reject with icmpx admin-prohibited"
            rules.append("iifname red0 %s %s" % (match(value), end))
        elif key == "forward":
            forwards += forward(value)
        elif key == "open":
            opens.append("iifname black0 %s accept" % match(value))
    print(HEAD)
    print("chain forward { type filter hook forward priority 0; policy drop;")
    print("ct state established,related accept; ct state invalid drop; ct status dnat accept;")
    print("\n".join(opens + rules))
    if otherwise == "allow":
        print("iifname red0 accept")
    else:
        print("iifname red0 reject with icmpx admin-prohibited")
    print("}\nchain input { type filter hook input priority 0; policy accept;")
    print("iifname black0 ct state new meta l4proto { tcp, udp, icmp } drop;")
    print("iifname black0 icmpv6 type echo-request drop; }")
    print("chain before { type nat hook prerouting priority -100;")
    print("\n".join(forwards))
    print("}\nchain after { type nat hook postrouting priority 100;")
    print("meta nfproto ipv4 oifname red0 ct status dnat iifname red0 masquerade")
    print("meta nfproto ipv4 oifname black0 masquerade\n}\n}")


main(sys.argv[1])
