#!/bin/sh
# Tests the package under a systemd of its own: install, enable, an instance of the template, restart, kill, hang, upgrade,
# stop, remove and purge, and after each step whether the guest has its route.
# Usage, as root: service.sh ROOT PACKAGE NEWER
#   ROOT     a root file system of Debian with systemd, iproute2, tcpdump, needrestart, unattended-upgrades and perhaps
#            lintian, from mmdebstrap; it is not changed
#   PACKAGE  the package to test
#   NEWER    the same package with a higher version, for the upgrade
# systemd runs as the first process of namespaces of its own, on an overlay of ROOT in memory; nothing of it remains.
# Exit code: 0 if all steps pass, 1 if one fails, 2 if they cannot run.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/systemd.sh
. "$(dirname "$0")/systemd.sh"
# shellcheck source=tests/served.sh
. "$(dirname "$0")/served.sh"
# shellcheck source=tests/upgrades.sh
. "$(dirname "$0")/upgrades.sh"

main() {
    [ "${1-}" != --boot ] || boot "$2" "$3"
    prepare "$@"
    start_systemd "$1"
    a_guest
    installed "$2"
    linted
    unconfigured
    settings_read
    enabled
    answered
    instance
    overlapping
    restarted
    refused_settings
    killed
    hung
    upgraded "$3"
    replaced
    upgraded_unattended
    stopped
    removed
    purged
    say "all steps pass"
}

installed() {
    say "install: neither enabled nor started"
    inside sh -c 'find / -xdev -path /proc -prune -o -path /sys -prune -o -print | sort' >"$work/before"
    inside sh -c 'cat >/root/autora.deb' <"$1"
    inside dpkg --install /root/autora.deb >"$work/dpkg" 2>&1 || fail "dpkg: $(cat "$work/dpkg")"
    # Where policy wants it, and where it is looked for.
    inside test -f /usr/lib/systemd/system/autora.service || fail "no unit below /usr/lib"
    inside test -f /lib/systemd/system/autora.service || fail "no unit below /lib"
    inside dpkg --listfiles autora | grep '^/lib' && fail "files below /lib, which is a link"
    is "disabled" inside systemctl is-enabled autora
    is "inactive" inside systemctl is-active autora
    inside getent passwd autora >/dev/null || fail "there is no user autora"
    inside test -f /etc/default/autora || fail "there is no file of settings"
    inside autora --version | grep -q 'with the eBPF filter' || fail "no filter: $(inside autora --version)"
}

# Roots of older releases have none: `cargo xtask package` runs that of its host, without the tags that it gets wrong.
linted() {
    inside test -x /usr/bin/lintian || return 0
    say "$(inside lintian --version): no tag"
    inside lintian --allow-root --pedantic --display-info --tag-display-limit 0 --fail-on error,warning,info,pedantic \
        /root/autora.deb >"$work/lintian" 2>&1 || fail "lintian: $(cat "$work/lintian")"
}

unconfigured() {
    say "started without settings: it serves nothing, and logs that"
    inside systemctl start autora || fail "it does not start: $(journal)"
    is "active" inside systemctl is-active autora
    sleep 4
    [ "$(advertisements)" -eq 0 ] || fail "the guest got an RA: $(cat "$work/wire")"
    journal | grep -q 'so none is served' || fail "nothing about it in the journal: $(journal)"
    inside systemctl stop autora
    inside sh -c "echo 'AUTORA_INTERFACE_REGEX=^tap-vm-[0-9]+\$' >>/etc/default/autora"
}

settings_read() {
    say "settings: --check --settings reads a file as systemd reads it"
    # A line for each file, with ~ for the end of a line in it.
    while IFS= read -r settings; do
        printf '%s\n' "$settings" | tr '~' '\n' | inside sh -c 'cat >/run/settings'
        inside systemd-run --quiet --wait --pipe --property=EnvironmentFile=/run/settings \
            /usr/bin/autora --check >"$work/by-systemd" 2>/dev/null </dev/null
        inside autora --check --settings /run/settings >"$work/by-autora" 2>/dev/null </dev/null
        grep -q "^interface-regex" "$work/by-systemd" || fail "no settings for $settings: $(cat "$work/by-systemd")"
        # Behind each value stands where it is from: the variable, or the line.
        sed -i 's/ (AUTORA_[A-Z_]*\(, line [0-9]* of [^)]*\)\?)$//' "$work/by-systemd" "$work/by-autora"
        cmp -s "$work/by-systemd" "$work/by-autora" ||
            fail "$settings: $(diff "$work/by-systemd" "$work/by-autora")"
    done <<'END'
AUTORA_INTERFACE_REGEX=^tap\d+$
AUTORA_INTERFACE_REGEX='^tap\d+$'
AUTORA_INTERFACE_REGEX="^tap\d+$"
AUTORA_INTERFACE_REGEX=^tap\\d+$
AUTORA_INTERFACE_REGEX=^tap[0-9]+$ # guests
AUTORA_INTERFACE_REGEX='x' # y
AUTORA_INTERFACE_REGEX='x'"y"z
AUTORA_INTERFACE_REGEX="a\"b\$c\`d\\.e\."
AUTORA_INTERFACE_REGEX=one\~two
AUTORA_INTERFACE_REGEX="one\~two"
AUTORA_INTERFACE_REGEX=x'y'
  AUTORA_INTERFACE_REGEX=x
AUTORA_INTERFACE_REGEX =x
# AUTORA_MTU=on~; AUTORA_MTU=on~AUTORA_INTERFACE_REGEX=a~nothing~export B=4~AUTORA_INTERFACE_REGEX=b
AUTORA_INTERFACE_REGEX='unfinished
END
}

answered() {
    say "under the confined unit: a solicitation is answered, without a warning in the journal"
    answers=$(answers)
    # The guest's kernel starts IPv6 again, and solicits.
    # shellcheck disable=SC2016
    inside ip netns exec guest sh -c 'for off in 1 0; do echo $off >/proc/sys/net/ipv6/conf/eth0/disable_ipv6; done'
    wait_until 15 "an answer" answered_more_than "$answers"
    wait_until 10 "the guest's route" guest_has_route
    # shellcheck disable=SC2016
    is "2" inside awk '$1 == "Seccomp:" { print $2 }' "/proc/$(pid)/status"
    warnings=$(inside journalctl _SYSTEMD_INVOCATION_ID="$(inside systemctl show --property=InvocationID --value autora)" \
        --priority=warning --no-pager --output=cat)
    [ -z "$warnings" ] || fail "warnings: $warnings"
    inside systemd-analyze security --threshold=17 autora.service >"$work/exposure" 2>&1 || fail "$(tail -n 1 "$work/exposure")"
}

# Stopped again, as it would take over if a later step lasted long enough.
overlapping() {
    say "an instance for the same interface: it says which process serves that one"
    inside sh -c "echo \"AUTORA_INTERFACE_REGEX='^tap-'\" >/etc/default/autora-same"
    inside systemctl start autora@same || fail "it does not start: $(journal_of autora@same)"
    inside autora status --instance same --json >"$work/status" || fail "autora status: $(cat "$work/status")"
    grep -q '"served-by-another"' "$work/status" || fail "not refused: $(cat "$work/status")"
    grep -q "process $(pid) with /run/autora\"" "$work/status" || fail "another one is named: $(cat "$work/status")"
    inside systemctl stop autora@same
    inside rm /etc/default/autora-same
    guest_has_route || fail "the guest has lost its route"
}

restarted() {
    say "restart and try-restart: another process each time, no withdrawal"
    another_process_without_withdrawal inside systemctl restart autora
    another_process_without_withdrawal inside systemctl try-restart autora
}

refused_settings() {
    say "refused settings: it ends once, and the journal has the cause"
    inside sh -c "echo AUTORA_MTU=perhaps >>/etc/default/autora"
    inside systemctl restart autora 2>/dev/null && fail "it started"
    sleep 3
    is "failed" inside systemctl is-active autora
    is "2" inside systemctl show --property=ExecMainStatus --value autora
    journal | grep -q 'AUTORA_MTU\|--mtu' || fail "nothing about it in the journal: $(journal)"
    inside sed -i '/AUTORA_MTU=perhaps/d' /etc/default/autora
    inside systemctl start autora || fail "it does not start again: $(journal)"
    guest_has_route || fail "the guest has lost its route"
}

killed() {
    say "kill -9: started again, no withdrawal"
    another_process_without_withdrawal inside sh -c "kill -KILL $(pid)"
}

hung() {
    say "kill -STOP: the watchdog ends it and it starts again, within 50 s"
    another_process_without_withdrawal inside sh -c "kill -STOP $(pid)"
    journal | grep -q 'Watchdog timeout' || fail "no watchdog: $(journal)"
}

upgraded() {
    say "upgrade: the new program, no withdrawal"
    inside sh -c 'cat >/root/newer.deb' <"$1"
    upgraded_by inside dpkg --install /root/newer.deb
}

stopped() {
    say "stop: a withdrawal, and the route is gone"
    withdrawn inside systemctl stop autora
    is "0" inside systemctl show --property=ExecMainStatus --value autora
    inside systemctl start autora || fail "it does not start: $(journal)"
    wait_until 10 "the guest's route" guest_has_route
}

removed() {
    say "remove: a withdrawal, and the instance stops"
    inside systemctl disable --quiet autora@customers
    withdrawn inside dpkg --remove autora
    grep warning "$work/command" && fail "dpkg warns"
    is "inactive" inside systemctl is-active autora@customers
    inside test -f /etc/default/autora || fail "the settings went with it"
    inside test ! -e /usr/bin/autora || fail "the program is still there"
}

purged() {
    say "purge: nothing is left but the settings that the operator made"
    inside rm /etc/default/autora-customers || fail "the settings of the instance are gone"
    inside dpkg --purge autora >"$work/dpkg" 2>&1 || fail "dpkg: $(cat "$work/dpkg")"
    grep warning "$work/dpkg" && fail "dpkg warns"
    inside getent passwd autora && fail "the user is still there"
    inside getent group autora && fail "the group is still there"
    inside sh -c 'find / -xdev -path /proc -prune -o -path /sys -prune -o -print | sort' >"$work/after"
    left=$(comm -13 "$work/before" "$work/after" | grep -v '^/root/\|^/var/log/\|^/tmp/\|^/var/tmp/' | grep 'autora')
    [ -z "$left" ] || fail "left behind: $left"
    inside systemctl list-unit-files 'autora*' --no-legend | grep . && fail "systemd still knows it"
    is "running" inside systemctl is-system-running
}

main "$@"
