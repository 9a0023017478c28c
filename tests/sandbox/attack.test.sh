# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# attack.test.sh: attacker code inside red and crypto, after they are locked in. attacks.table says
# which layer stops each attack, and which one would if that layer were not there.

ATTACKS=$here/attacks.table
SIGSYS='made a system call that its sandbox forbids, and was killed for it'
for it in files network processes memory privileges kernel; do
	LIMIT[attacks_on_$it]=500
done

# attack_orders: a file for the word "orders" of hook.c. order b|e: begin, end.
attack_orders()
{
	ORDERS=$LAB_DIR/orders
	echo - >"$ORDERS"
}

# Without making the file shorter: it is mapped.
order()
{
	printf '%s' "$1" 1<>"$ORDERS"
}

# attack_node WAIVED WORDS...: node a with these attacks in it, in the background.
attack_node()
{
	local waived=$1

	shift
	: >"$LAB_DIR/a.log" # now: what is in the background may take its time to do it
	node_config a "Sandbox = $(attack_waivers "$waived")" "Provider = sodium"
	ESCLUSA_ATTACK="node=$(node_name a) key=$LAB_DIR/a.key abstract=$(node_name x) $*" \
		bg a "$LAB_DIR/a.log" unshare -i python3 "$here/treasure.py" "$HOOKS" run "$LAB_DIR/a.conf"
	NODE_KIND[a]=esclusa
	NODE_PID[a]=$BG
}

attack_over()
{
	kill -TERM "${NODE_PID[a]}" 2>/dev/null || true
	wait_for 10 pid_gone "${NODE_PID[a]}" || kill -KILL "${NODE_PID[a]}"
	wait "${NODE_PID[a]}" 2>/dev/null || true # or it is forgotten already
}

# What others on the machine have, and must not be reached: processes of the same users, an open
# door. (And treasure.py's.)
attack_bystanders()
{
	local uid

	for uid in 65532 65533; do
		bg a "$LAB_DIR/bystander" setpriv --reuid $uid --regid $uid --clear-groups sleep 600
	done
	: >"$LAB_DIR/door"
	bg a "$LAB_DIR/door" python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind("\0" + sys.argv[1])
s.listen()
print("open", flush=True)
time.sleep(600)' "$(node_name x)"
	wait_for 30 grep -q open "$LAB_DIR/door" || fail "no door: $(cat "$LAB_DIR/door")"
}

# attack_rows GROUP: its lines of the table as NAME DOMAIN LAYER=RESULT..., without what this kernel
# is too old for.
attack_rows()
{
	awk -v group="[$1]" -v kernel="$(uname -r)" '
		function older(than, a, b) {
			split(kernel, a, /[.-]/)
			split(than, b, /[.=]/)
			return a[1] + 0 < b[1] + 0 || (a[1] == b[1] && a[2] + 0 < b[2] + 0)
		}
		{ sub(/#.*/, "") }
		/^\[/ { here = $1 == group; next }
		here && NF {
			row = $1 " " $2
			for (i = 3; i <= NF; i++) {
				at = index($i, "@")
				if (at && older(substr($i, at + 1)))
					continue
				sub(/@[0-9.]*/, "", $i)
				row = row " " $i
			}
			print row
		}' "$ATTACKS"
}

# PR_SET_MDWE came with Linux 6.3; before, wx is complete only with seccomp.
attack_waivers()
{
	case $1 in
	*wx* | "") echo "${1:-full}" ;;
	*seccomp*)
		printf '%s\n' 6.3 "$(uname -r)" | sort -VC && echo "$1" || echo "$1,wx"
		;;
	esac
}

# Every attack of a group once with all layers, and once for each layer that stands behind another.
attacks_on()
{
	local name domains chain link waived domain

	declare -A lists=() expected=() sets=()
	attack_rows "$1" >"$LAB_DIR/rows"
	[ "$(wc -l <"$LAB_DIR/rows")" -gt 5 ] || fail "no group $1 in $ATTACKS"
	while read -r name domains chain; do
		[ "$domains" != both ] || domains="red crypto"
		waived=
		for link in $chain; do
			for domain in $domains; do
				lists[$waived $domain]+=,$name
				expected[$waived $domain $name]=${link#*=}
			done
			[ -z "$waived" ] || sets[$waived]=1
			waived+=${waived:+,}${link%%=*}
		done
	done <"$LAB_DIR/rows"

	lab_site a
	attack_bystanders
	attack_full red
	attack_full crypto
	for waived in "${!sets[@]}"; do
		attack_waived "$waived"
	done
	[ -z "${BAD:-}" ] || fail "see above"
}

# With all layers an attack ends its process: one life per attack. What is merely refused goes
# together. Reads lists and expected of attacks_on.
attack_full()
{
	local domain=$1 name refused=''

	for name in ${lists[" $domain"]//,/ }; do
		if [ "${expected[" $domain $name"]}" != SIGSYS ]; then
			refused+=,$name
			continue
		fi
		attack_node "" "$domain=$name"
		wait_for 60 attack_answered "$domain" || fail "$name in $domain: no result"
		attack_over
		grep -Eq "$domain process [0-9]+ $SIGSYS" "$LAB_DIR/a.log" ||
			attack_bad "" "$domain" "$name" SIGSYS "$(attack_result "$domain" "$name")"
		COUNT=$((COUNT + 1))
	done
	[ -z "$refused" ] || attack_run "" "$domain" "$domain=${refused#,}"
}

attack_waived()
{
	local waived=$1 red crypto

	red=${lists["$waived red"]:-}
	crypto=${lists["$waived crypto"]:-}
	attack_run "$waived" "red crypto" ${red:+"red=${red#,}"} ${crypto:+"crypto=${crypto#,}"}
}

# attack_run WAIVED DOMAINS WORDS...: attacks that leave their process alive, all in one life.
attack_run()
{
	local waived=$1 domains=$2 domain name list want got

	shift 2
	attack_node "$waived" "$@"
	for domain in $domains; do
		list=$(attack_list "$domain" "$*")
		[ -z "$list" ] || wait_for 60 attack_answered "$domain" "${list##*,}" || true
	done
	[ -n "$waived" ] || wait_for 60 node_ready a || fail "the node does not live on"
	attack_over
	for domain in $domains; do
		list=$(attack_list "$domain" "$*")
		for name in ${list//,/ }; do
			want=${expected["$waived $domain $name"]}
			got=$(attack_result "$domain" "$name")
			COUNT=$((COUNT + 1))
			case "|$want|" in
			*"|$got|"*) ;;
			*) attack_bad "$waived" "$domain" "$name" "$want" "$got" ;;
			esac
		done
	done
}

# attack_list DOMAIN WORDS: its attacks.
attack_list()
{
	tr ' ' '\n' <<<"$2" | sed -n "s/^$1=//p"
}

# attack_answered DOMAIN [NAME]: it was killed, or reported the result of that attack.
attack_answered()
{
	grep -Eq "$1 process [0-9]+ (was ended|made a)|$1: attacks:.* ${2:-}=?" "$LAB_DIR/a.log"
}

attack_result()
{
	local got

	got=$(sed -n "s/.* $1: attacks:.* $2=\([A-Za-z0-9]*\).*/\1/p" "$LAB_DIR/a.log" | head -n 1)
	if [ -z "$got" ]; then
		! grep -Eq "$1 process [0-9]+ $SIGSYS" "$LAB_DIR/a.log" || got=SIGSYS
	fi
	echo "${got:-nothing}"
}

attack_bad()
{
	echo "$3 in $2, ${1:-nothing} waived: expected $4, got $5"
	sed 's/^/    /' "$LAB_DIR/a.log"
	BAD=1
}

# attack_replaced DOMAIN: a process that tries something while it works is killed, said to be, and
# replaced at once; its successor is honest.
attack_replaced()
{
	local pid now

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	node_start b esclusa
	attack_orders
	ESCLUSA=$HOOKS ESCLUSA_ATTACK="$1=open_passwd orders=$ORDERS" node_start a esclusa
	wire_open a
	ping_up lana 10.2.0.2
	pid=$(node_show a pid "$1")
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.02 10.2.0.2
	order b
	wait_for 30 grep -q "$1 process $pid $SIGSYS" "$LAB_DIR/a.log" || fail "it was not killed"
	read -r now _ </proc/uptime
	wait_for 30 attack_replacement "$1" "$pid" || fail "nobody replaces it"
	echo "killed at $now, replaced at $(cut -d' ' -f1 </proc/uptime)"
	ping_up lana 10.2.0.2 30
	[ "$(node_show a field restarts)" -ge 1 ] || fail "no restart is counted"
	"$ESCLUSA" show "$(node_name a)" | grep "last failure: $1 process .*SIGSYS" ||
		fail "show does not say what happened"
	tcp_copy lana lanb 10.2.0.2 500000
	wire_close a
	wire_clean a
}

# attack_replacement DOMAIN PID: the node runs, with another process.
attack_replacement()
{
	node_ready a && [ "$(node_show a pid "$1")" != "$2" ]
}

test_attacker_in_red_is_replaced()
{
	attack_replaced red
}

test_attacker_in_crypto_is_replaced()
{
	attack_replaced crypto
}

for it in files network processes memory privileges kernel; do
	eval "test_attacks_on_$it() { COUNT=0; attacks_on $it; echo \"\$COUNT attacks\"; }"
done
