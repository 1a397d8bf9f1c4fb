#!/bin/sh
# Checks a built autora against this machine's kernel, with iproute2 alone (and tcpdump, if it is installed):
#   1. An interface that the regular expression does not match gets no Router Advertisement.
#   2. A guest behind one that it matches gets an address and a default route, and loses the route when autora stops.
# Usage, as root: ns-smoke.sh [path of autora]; without one $AUTORA_BIN, else target/release/autora beside this folder.
# Exit code: 0 if both checks pass, 1 if one fails, 2 if they cannot run. They run in two network namespaces of their own,
# which are deleted at the end.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"

host=autora-$$-0-smoke-host
guest=autora-$$-1-smoke-guest
bin=${1:-${AUTORA_BIN:-$(dirname "$0")/../target/release/autora}}
prefix=2001:db8:5:1
mac=02:00:00:00:05:01
address=$prefix:0:ff:fe00:501
router=fe80::ff:fe00:500
work=
daemon=
watcher=

main() {
    prepare
    a_name_that_does_not_match
    a_name_that_matches
    say "both checks pass"
}

a_name_that_does_not_match() {
    say "1. a name that does not match: silence"
    start '^tap-vm-[0-9]+$' started
    # Twice the longest delay of a guest's kernel before its first solicitation, and of an answer.
    sleep 4
    stop
    [ -z "$(guest_address)" ] || fail "the guest got an address: $(guest_address)"
    [ -z "$(guest_route)" ] || fail "the guest got a default route: $(guest_route)"
    if watched; then
        grep -q advertisement "$work/wire" && fail "on the wire: $(cat "$work/wire")"
        say "   no advertisement on the wire (tcpdump)"
    fi
    say "   no address, no default route"
}

a_name_that_matches() {
    say "2. a name that matches: address and default route"
    start '^smoke0$' serving
    wait_until 10 "the guest's address $address" guest_has_address
    say "   address        $(guest_address)"
    wait_until 10 "the guest's default route via $router" guest_has_route
    say "   default route  $(guest_route)"
    ip -n "$guest" -6 route show | grep -q "^$prefix" &&
        fail "the guest holds the prefix for on-link: $(ip -n "$guest" -6 route show)"
    stop
    wait_until 5 "the end of the default route" guest_has_no_route
    say "   after a stop   no default route"
    if watched; then
        grep -q 'router lifetime 180s' "$work/wire" || fail "tcpdump saw no advertisement: $(cat "$work/wire")"
        grep -q 'router lifetime 0s' "$work/wire" || fail "tcpdump saw no final RA: $(cat "$work/wire")"
        say "   tcpdump agrees: Router Lifetime 180 s, and 0 s at the end"
    fi
}

prepare() {
    [ "$(id -u)" -eq 0 ] || give_up "network namespaces need root"
    command -v ip >/dev/null || give_up "ip (iproute2) is missing"
    [ -x "$bin" ] || give_up "no program at $bin: build it with 'cargo xtask build', or name one"
    trap clean_up EXIT
    trap 'exit 2' HUP INT PIPE TERM
    work=$(mktemp -d) || give_up "no folder for temporary files"
    ip netns add "$host" && ip netns add "$guest" || give_up "no network namespace can be made"
    # Addresses are usable at once, and the guest's kernel uses SLAAC.
    for namespace in "$host" "$guest"; do
        setting "$namespace" all/accept_dad 0
        setting "$namespace" default/accept_dad 0
    done
    setting "$host" all/forwarding 1
    setting "$guest" default/accept_ra 1
    setting "$guest" default/use_tempaddr 0
    ip -n "$host" link add smoke0 address 02:00:00:00:05:00 type veth \
        peer name eth0 address "$mac" netns "$guest" || give_up "no veth can be made"
    ip -n "$host" address add "$prefix::1/64" dev smoke0 nodad
    ip -n "$host" link set smoke0 up
    ip -n "$guest" link set eth0 up
    wait_until 10 "the host's link-local address" host_has_link_local
}

# start REGEX WORD: starts autora and tcpdump, and waits until the log has WORD.
start() {
    watch
    : >"$work/log"
    # 'ip netns exec' execs the command, so this is the process id of autora.
    ip netns exec "$host" "$bin" --interface-regex "$1" --runtime-directory "$work/run" \
        --claim-directory "$work/claims" 2>"$work/log" &
    daemon=$!
    wait_until 10 "'$2' in the log of autora" log_has "$2"
}

# Stops autora, which must end with exit code 0, and tcpdump.
stop() {
    kill -TERM "$daemon"
    wait "$daemon" || fail "autora ended with exit code $?"
    daemon=
    if [ -n "$watcher" ]; then
        # Time for tcpdump to read the packets in the kernel's buffer.
        sleep 1
        kill -INT "$watcher"
        wait "$watcher"
        watcher=
    fi
}

watch() {
    command -v tcpdump >/dev/null || return 0
    ip netns exec "$guest" tcpdump -lnvv -i eth0 'icmp6 and ip6[40] == 134' >"$work/wire" 2>"$work/tcpdump" &
    watcher=$!
    : >>"$work/tcpdump"
    wait_until 10 "tcpdump to listen" grep -q 'listening on' "$work/tcpdump"
}

watched() { command -v tcpdump >/dev/null; }

setting() { ip netns exec "$1" sh -c "echo $3 >/proc/sys/net/ipv6/conf/$2"; }

log_has() { grep -q "$1" "$work/log"; }
host_has_link_local() { ip -n "$host" -6 address show dev smoke0 scope link -tentative | grep -q inet6; }
guest_address() { ip -n "$guest" -6 -o address show dev eth0 scope global | awk '{ print $4 }'; }
guest_route() { ip -n "$guest" -6 route show default; }
guest_has_address() { guest_address | grep -qx "$address/64"; }
guest_has_route() { guest_route | grep -q "via $router "; }
guest_has_no_route() { [ -z "$(guest_route)" ]; }

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    if [ -s "$work/log" ]; then
        sed 's/^/  autora: /' "$work/log" >&2
    fi
    exit 1
}

clean_up() {
    for process in $daemon $watcher; do
        kill -KILL "$process" 2>/dev/null
    done
    ip netns delete "$host" 2>/dev/null
    ip netns delete "$guest" 2>/dev/null
    [ -z "$work" ] || rm -rf "$work"
}

main
