# What service.sh and rpm.sh share: a guest of the daemon that a systemd of systemd.sh runs, what is seen of both, and
# steps. The scripts have that file's functions and variables.
# shellcheck disable=SC2154

prefix=2001:db8:6:1
address=$prefix:0:ff:fe00:601
router=fe80::ff:fe00:600

prepare() {
    [ "$(id -u)" -eq 0 ] || give_up "namespaces need root"
    [ $# -eq 3 ] || give_up "it takes a root, a package and a newer one"
    [ -x "$1/lib/systemd/systemd" ] || give_up "no systemd in $1"
    [ -f "$2" ] || give_up "no package at $2"
    [ -f "$3" ] || give_up "no package at $3"
    make_work
}

# Makes a guest behind a veth, whose kernel uses SLAAC, and starts tcpdump in it.
a_guest() {
    inside sh -e <<END || give_up "no guest can be made"
ip netns add guest
for setting in all default; do
    echo 0 >/proc/sys/net/ipv6/conf/\$setting/accept_dad
    ip netns exec guest sh -c "echo 0 >/proc/sys/net/ipv6/conf/\$setting/accept_dad"
done
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
ip netns exec guest sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/accept_ra'
ip netns exec guest sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/use_tempaddr'
ip link add tap-vm-1 address 02:00:00:00:06:00 type veth peer name eth0 address 02:00:00:00:06:01 netns guest
ip address add $prefix::1/64 dev tap-vm-1 nodad
ip link set tap-vm-1 up
ip -n guest link set eth0 up
END
    inside ip netns exec guest tcpdump -lnvv -i eth0 'icmp6 and ip6[40] == 134' >"$work/wire" 2>"$work/tcpdump" &
    wait_until 10 "tcpdump to listen" grep -q 'listening on' "$work/tcpdump"
}

enabled() {
    say "enable --now: the guest gets its address and its route"
    inside systemctl enable --quiet --now autora || fail "it does not start: $(journal)"
    wait_until 10 "the guest's route" guest_has_route
    wait_until 10 "the guest's address" guest_has_address
    wait_until 10 "a line in the journal" journal_has 'serving.*tap-vm-1'
    inside systemctl status autora | grep -q 'Status: .*1' || fail "no status: $(inside systemctl status autora)"
    is "autora" inside stat --format=%U /run/autora/control.sock
    # shellcheck disable=SC2016
    is "0000000000000000" inside awk '$1 == "CapEff:" { print $2 }' "/proc/$(pid)/status"
    inside autora status >"$work/status" || fail "autora status: $(cat "$work/status")"
    grep -q 'tap-vm-1 *serving' "$work/status" || fail "autora status: $(cat "$work/status")"
}

instance() {
    say "an instance beside it: settings, state and socket of its own, and no warning in the journal"
    inside sh -e <<END || fail "no second interface can be made"
ip link add cust-1 type veth peer name cust-1-guest
ip address add 2001:db8:6:2::1/64 dev cust-1 nodad
ip link set cust-1 up
ip link set cust-1-guest up
echo "AUTORA_INTERFACE_REGEX='^cust-[0-9]+\$'" >/etc/default/autora-customers
END
    inside systemctl enable --quiet --now autora@customers || fail "it does not start: $(journal_of autora@customers)"
    is "autora" inside stat --format=%U /run/autora-customers/control.sock
    inside autora wait --instance customers --timeout 10s cust-1 || fail "no RA: $(journal_of autora@customers)"
    inside autora status --instance customers >"$work/status" || fail "autora status: $(cat "$work/status")"
    grep -q 'cust-1 *serving' "$work/status" || fail "autora status: $(cat "$work/status")"
    grep -q 'tap-vm-1' "$work/status" && fail "it serves the other one's interface: $(cat "$work/status")"
    warnings=$(inside journalctl --unit=autora@customers --priority=warning --no-pager --output=cat)
    [ -z "$warnings" ] || fail "warnings: $warnings"
}

# another_process_without_withdrawal COMMAND...
another_process_without_withdrawal() {
    old=$(pid)
    before=$(final_ras)
    "$@" >"$work/command" 2>&1 || fail "$*: $(cat "$work/command")"
    wait_until 50 "another process" has_another_process "$old"
    # The new process serves: RAs of the initial burst are at most 16 s apart.
    received=$(advertisements)
    wait_until 20 "an RA of the new process" received_more_than "$received"
    [ "$(final_ras)" -eq "$before" ] || fail "a withdrawal: $(cat "$work/wire")"
    guest_has_route || fail "the guest has lost its route"
}

# upgraded_by COMMAND...: the new programs run, and the guest has noticed nothing
upgraded_by() {
    of_instance=$(pid_of autora@customers)
    another_process_without_withdrawal "$@"
    is "enabled" inside systemctl is-enabled autora
    inside grep -q '^AUTORA_INTERFACE_REGEX=.*tap' /etc/default/autora || fail "the settings are gone"
    is "active" inside systemctl is-active autora@customers
    [ "$(pid_of autora@customers)" -ne "$of_instance" ] || fail "the instance still runs the old program"
}

# withdrawn COMMAND...
withdrawn() {
    before=$(final_ras)
    "$@" >"$work/command" 2>&1 || fail "$*: $(cat "$work/command")"
    wait_until 5 "the end of the route" guest_has_no_route
    wait_until 5 "a withdrawal on the wire" final_ras_more_than "$before"
    is "inactive" inside systemctl is-active autora
}

journal() { journal_of autora; }
journal_of() { inside journalctl --unit="$1" --no-pager --output=cat; }
journal_has() { journal | grep -q "$1"; }
pid() { pid_of autora; }
pid_of() { inside systemctl show --property=MainPID --value "$1"; }
has_another_process() {
    now=$(pid) && [ "$now" -ne 0 ] && [ "$now" -ne "$1" ] && [ "$(inside systemctl is-active autora)" = active ]
}
advertisements() { grep -c 'router advertisement' "$work/wire"; }
final_ras() { grep -c 'router lifetime 0s' "$work/wire"; }
answers() { inside autora status --json | tr -d ' \n' | sed 's/.*"solicited":\([0-9]*\).*/\1/'; }
answered_more_than() { [ "$(answers)" -gt "$1" ]; }
received_more_than() { [ "$(advertisements)" -gt "$1" ]; }
final_ras_more_than() { [ "$(final_ras)" -gt "$1" ]; }
guest_has_address() { inside ip -n guest -6 -o address show dev eth0 | grep -q " $address/64 "; }
guest_has_route() { inside ip -n guest -6 route show default | grep -q "via $router "; }
guest_has_no_route() { [ -z "$(inside ip -n guest -6 route show default)" ]; }

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [ -z "$init" ] || journal 2>/dev/null | tail -n 30 | sed 's/^/  journal: /' >&2
    [ ! -s "$work/console" ] || sed 's/^/  console: /' "$work/console" >&2
    exit 1
}
