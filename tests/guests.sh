#!/bin/sh
# Boots guests behind a host that autora serves, one after the other, and shows what each makes of autora's RAs: a row
# of a table. The handbook's page of guests has that table, and has to say the same.
# Usage, as root: guests.sh ROOT DAEMON QEMU GUEST...
#   ROOT    a root file system of Debian with the programs of all guests, from mmdebstrap; it is not changed
#   DAEMON  autora's program
#   QEMU    the emulator for the guests that are firmware
#   GUEST   kernel, networkd, networkmanager, dhcpcd, ifupdown, connman: a Debian under a systemd of its own, whose
#           interface that program configures; lwip: a stack of its own in a process; ipxe, edk2, grub: firmware in a
#           virtual machine
# Each guest has a host of its own, a network namespace with autora; nothing of it remains.
# Exit code: 0 if the handbook has every row, 1 if one is another there or missing, 2 if the guests cannot run.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/systemd.sh
. "$(dirname "$0")/systemd.sh"
# shellcheck source=tests/firmware.sh
. "$(dirname "$0")/firmware.sh"

page=$(dirname "$0")/../contrib/docs/src/guests.md
# The guest that has one of these starts it.
masked="$masked NetworkManager connman networking"
host=autora-$$-0-guests-host
host_mac=02:00:00:00:06:00
mac=02:00:00:00:06:01
router=fe80::ff:fe00:600
next_router=fe80::2
prefix=2001:db8:6:1
next_prefix=2001:db8:6:2
# An address on the guest's loopback interface, to see that deletions are seen.
probe=2001:db8:ffff::1
table=
failed=
daemon=
# The process beside autora: a monitor in the guest, the guest's stack, or the emulator.
companion=
# The function that looks at the guest.
looks=

main() {
    [ "${1-}" != --boot ] || boot "$2" "$3"
    prepare "$@"
    shift 3
    for guest; do
        say "guest $guest"
        (observe) || failed=yes
    done
    say "the rows as the handbook should have them:"
    cat "$table"
    [ -z "$failed" ] || exit 1
    say "the handbook says the same of each guest"
}

prepare() {
    [ "$(id -u)" -eq 0 ] || give_up "namespaces need root"
    [ $# -ge 4 ] || give_up "it takes a root, a daemon, an emulator and guests"
    root=$1
    bin=$2
    qemu=$3
    [ -x "$root/lib/systemd/systemd" ] || give_up "no systemd in $root"
    [ -x "$bin" ] || give_up "no program at $bin"
    release=$(cut -d . -f 1 <"$root/etc/debian_version")
    table=$(mktemp) || give_up "no file for the table"
    trap 'rm -f "$table"' EXIT
}

# Runs in a shell of its own.
observe() {
    make_work
    trap 'end_host; clean_up' EXIT
    case $guest in
    kernel) release=- && in_namespaces ;;
    networkd | networkmanager | dhcpcd | ifupdown | connman) in_namespaces ;;
    lwip) on_a_tap ;;
    ipxe | edk2 | grub) in_a_machine ;;
    *) fail "there is no guest $guest" ;;
    esac
    say "$row" >>"$table"
    is_in_the_handbook
}

in_namespaces() {
    start_systemd "$root"
    start_host a_veth
    looks=asks_kernel
    inside ip -6 monitor address route >"$work/monitor" &
    companion=$!
    "$guest"
    row address route off_link restart another_router another_prefix final_ra
}

on_a_tap() {
    start_systemd "$root"
    start_host a_tap
    looks=reports
    "$guest"
    row address route off_link restart another_router another_prefix final_ra
}

is_in_the_handbook() {
    expected=$(grep "^| $(title) | $release |" "$page") || fail "the handbook has no row for: $row"
    [ "$(without_version "$expected")" = "$(without_version "$row")" ] || fail "$row; the handbook: $expected"
    [ "$expected" = "$row" ] || say "  the handbook has another version: $expected"
}

without_version() { say "$1" | cut -d '|' -f 2,3,5-; }

# row COLUMN...: each column is a function that sets the cell.
row() {
    row="| $(title) | $release | $(version) |"
    for column; do
        "$column"
        say "  $column: $cell"
        row="$row $cell |"
    done
}

title() {
    case $guest in
    kernel) echo "Linux kernel" ;;
    networkd) echo systemd-networkd ;;
    networkmanager) echo NetworkManager ;;
    connman) echo ConnMan ;;
    lwip) echo lwIP ;;
    ipxe) echo iPXE ;;
    edk2) echo "EDK2 (OVMF)" ;;
    grub) echo GRUB ;;
    *) echo "$guest" ;;
    esac
}

version() {
    case $guest in
    kernel) uname -r ;;
    networkd) version_of systemd ;;
    networkmanager) version_of network-manager ;;
    dhcpcd) version_of dhcpcd-base ;;
    lwip) version_of liblwip-dev ;;
    edk2) version_of ovmf ;;
    grub) version_of grub-common ;;
    *) version_of "$guest" ;;
    esac | sed 's/^[0-9]*://; s/[-+~].*//'
}

# shellcheck disable=SC2016
version_of() { dpkg-query --admindir="$root/var/lib/dpkg" --show --showformat='${Version}\n' "$1"; }

kernel() { does ip link set eth0 up; }

networkd() {
    put /etc/systemd/network/eth0.network <<END
[Match]
Name=eth0

[Network]
IPv6AcceptRA=yes
END
    does systemctl start systemd-networkd
}

# A rule of its package for udev leaves interfaces of containers alone.
networkmanager() {
    put /etc/NetworkManager/conf.d/eth0.conf <<END
[device-eth0]
match-device=interface-name:eth0
managed=1
END
    put /etc/NetworkManager/system-connections/eth0.nmconnection <<END
[connection]
id=eth0
type=ethernet
interface-name=eth0

[ipv4]
method=disabled

[ipv6]
method=auto
END
    does chmod 600 /etc/NetworkManager/system-connections/eth0.nmconnection
    starts NetworkManager
}

dhcpcd() { does systemd-run --quiet --unit=dhcpcd dhcpcd --nobackground eth0; }

ifupdown() {
    put /etc/network/interfaces <<END
auto eth0
iface eth0 inet6 auto
END
    starts networking
}

connman() { starts connman; }

# A program of Debian's library, compiled and run there, in the host's network namespace, which has the tap.
lwip() {
    put /root/lwip.c <"$(dirname "$0")/guests/lwip.c"
    does tcc -I/usr/include/lwip -o /root/lwip /root/lwip.c -llwip
    nsenter --target "$init" --mount --net="/run/netns/$host" \
        env -i PRECONFIGURED_TAPIF=vm1 /root/lwip >"$work/monitor" 2>"$work/said" &
    companion=$!
}

# starts UNIT
starts() {
    does systemctl unmask "$1"
    does systemctl start "$1"
}

# start_host LINK: makes the host, its link to the guest by that function, and starts autora.
start_host() {
    ip netns add "$host" || give_up "no network namespace can be made"
    # Addresses are usable at once.
    setting all/accept_dad 0
    setting default/accept_dad 0
    setting all/forwarding 1
    "$1" || fail "no link can be made"
    on_host address add "$prefix::1/64" dev vm1 nodad
    on_host link set vm1 up
    serve
}

a_tap() { on_host tuntap add dev vm1 mode tap && on_host link set vm1 address "$host_mac"; }
a_veth() { on_host link add vm1 address "$host_mac" type veth peer name eth0 address "$mac" netns "$init"; }

setting() { ip netns exec "$host" sh -c "echo $2 >/proc/sys/net/ipv6/conf/$1"; }
on_host() { ip -n "$host" "$@"; }

# 'ip netns exec' and env exec the command, so this is the process id of autora. A signal that this script ignores would
# stay ignored.
serve() {
    ip netns exec "$host" env --default-signal=HUP "$bin" --interface-regex '^vm1$' \
        --runtime-directory "$work/run" --claim-directory none 2>>"$work/log" &
    daemon=$!
}

# ended_by SIGNAL: ends autora, which has to exit with 0.
ended_by() {
    kill -s "$1" "$daemon"
    wait "$daemon" || fail "autora ended with exit code $?"
    daemon=
}

# With the namespace the host's end of the link goes, too.
end_host() {
    for process in $daemon $companion; do
        kill -KILL "$process" 2>/dev/null
        wait "$process" 2>/dev/null
    done
    ip netns delete "$host" 2>/dev/null
}

# What stands in a cell, column by column. The first waits longest: a guest may detect duplicates of its addresses, and
# solicits after a delay.
address() { answer await 30 has "address $prefix:"; }
route() { answer await 10 has_routers "$router"; }
off_link() {
    answer has_no "on-link $prefix::/64"
    ! has "routed $prefix::/64" || cell="$cell, has one through the router"
}

restart() {
    [ "$looks" = reports ] || wait_until 10 "the guest's own deletion to be seen" sees_deletions
    before=$(deletions)
    ended_by HUP
    serve
    wait_until 10 "an RA of the next process" has_sent
    # For what the guest does with that RA.
    sleep 2
    answer has_lost_nothing
}

another_router() {
    on_host address add "$next_router/64" dev vm1 nodad
    on_host address delete "$router/64" dev vm1
    answer await 20 has_routers "$next_router"
}

another_prefix() {
    on_host address add "$next_prefix::1/64" dev vm1 nodad
    on_host address delete "$prefix::1/64" dev vm1
    answer await 20 has "address $next_prefix:"
    if await 10 has "deprecated $prefix:"; then
        cell="$cell, deprecates the old one"
    elif has "address $prefix:"; then
        cell="$cell, prefers both"
    else
        cell="$cell, removes the old one"
    fi
}

final_ra() {
    ended_by TERM
    answer await 10 has_routers ""
}

# answer COMMAND...
answer() { if "$@"; then cell=yes; else cell=no; fi; }

# has LINE: what the guest has begins so in one line.
has() { "$looks" | grep -q "^$1"; }
has_no() { ! has "$1"; }

# has_routers ROUTERS: its default routes lead to them.
has_routers() { [ "$("$looks" | sed -n 's/^router //p')" = "$1" ]; }

# Counts the addresses and routes that a guest has deleted so far.
deletions() { grep '^Deleted' "$work/monitor" | grep -vc "$probe"; }
has_lost_nothing() { [ "$(deletions)" -eq "$before" ] && has "address $prefix:" && has_routers "$router"; }

# Prints what a guest's kernel has: the usable addresses of global scope, the default routers, and the /64s that are
# on-link or have a route through a router.
asks_kernel() {
    inside ip -6 -o address show dev eth0 scope global -tentative -dadfailed |
        sed -n -e 's,.* inet6 \([^/]*\)/.* deprecated .*,deprecated \1,p' -e t -e 's,.* inet6 \([^/]*\)/.*,address \1,p'
    inside ip -6 route show default | sed -n 's/.*via \([^ ]*\).*/router \1/p' | sort -u
    inside ip -6 route show table all |
        sed -n -e 's,^\([^ ]*::/64\) via .*,routed \1,p' -e t -e 's,^\([^ ]*::/64\) .*,on-link \1,p'
}

# Prints the same of a guest that reports what comes and goes.
reports() {
    awk '/^Deleted / { delete has[substr($0, 9)]; next } { has[$0] } END { for (line in has) print line }' \
        "$work/monitor"
}

# An address of its own that comes and goes.
sees_deletions() {
    inside ip -6 address add "$probe/128" dev lo nodad && inside ip -6 address delete "$probe/128" dev lo
    grep '^Deleted' "$work/monitor" | grep -q "$probe"
}

has_sent() {
    ip netns exec "$host" "$bin" status --json --socket "$work/run/control.sock" 2>/dev/null | tr -d ' \n' |
        grep -q '"ra_sent":{[^}]*:[1-9]'
}

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [ -z "$init" ] || inside journalctl --lines=40 --no-pager --output=short-precise 2>/dev/null |
        sed 's/^/  journal: /' >&2
    for file in console log monitor said; do
        [ ! -s "$work/$file" ] || sed "s/^/  $file: /" "$work/$file" >&2
    done
    exit 1
}

main "$@"
