#!/bin/sh
# Runs the commands of the handbook's recipes as they stand on the pages, on a Debian with the hypervisors under a systemd
# of its own, and checks that autora serves their guests.
# Usage, as root: recipes.sh ROOT GUEST PACKAGE [PAGE...]
#   ROOT     a root file system of Debian with the hypervisors, from mmdebstrap; it is not changed
#   GUEST    a tar archive of a Debian with systemd, whose systemd-networkd is enabled: the containers
#   PACKAGE  autora's package
#   PAGE     try these pages only: libvirt, nspawn, qemu, incus, lxc
# What the pages suppose is made here: autora, installed and set up as in the Quick start with the page's regular
# expression, a guest, and what stands for `...`. Each page has a host of its own.
# Exit code: 0 if all pages that can be tried here pass, 1 if one fails, 2 if they cannot run.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/systemd.sh
. "$(dirname "$0")/systemd.sh"

contrib=$(dirname "$0")/../contrib
handbook=$contrib/docs/src
outcomes=
failed=
# How many blocks of commands of a page have run.
ran=0

main() {
    [ "${1-}" != --boot ] || boot "$2" "$3"
    prepare "$@"
    shift 3
    if [ $# -eq 0 ]; then
        every_page
    fi
    for page; do
        try "$page"
    done
    say "$outcomes"
    [ -z "$failed" ] || exit 1
    say "all pages that can be tried here pass"
}

prepare() {
    [ "$(id -u)" -eq 0 ] || give_up "namespaces need root"
    [ $# -ge 3 ] || give_up "it takes a root, a guest and a package"
    root=$1
    guest=$2
    package=$3
    [ -x "$root/lib/systemd/systemd" ] || give_up "no systemd in $root"
    [ -f "$guest" ] || give_up "no guest at $guest"
    [ -f "$package" ] || give_up "no package at $package"
}

every_page() {
    for path in "$handbook"/recipes/*.md; do
        page=$(basename "$path" .md)
        [ "$page" = README ] || try "$page"
    done
}

# try PAGE
try() {
    case $1 in
    libvirt | nspawn | qemu | incus | lxc) ;;
    proxmox) note "$1: DID NOT RUN: Proxmox VE is a distribution of its own" && return ;;
    bridge) note "$1: DID NOT RUN: it has no hook; the scenarios of bridges.rs run its rule" && return ;;
    *) note "$1: FAILED: there is no such page, or none of this script's functions runs it" && failed=yes && return ;;
    esac
    say "recipe $1"
    ("on_a_host" "$1")
    case $? in
    0) note "$1: ran, on Debian $(cat "$root/etc/debian_version") with $(versions "$1")" ;;
    2) note "$1: DID NOT RUN: see above" && failed=yes ;;
    *) note "$1: FAILED: see above" && failed=yes ;;
    esac
}

note() {
    outcomes="$outcomes${outcomes:+
}$1"
}

versions() {
    case $1 in
    libvirt) set -- libvirt-daemon-system qemu-system-x86 ;;
    nspawn) set -- systemd-container ;;
    qemu) set -- qemu-system-x86 ;;
    *) ;;
    esac
    # shellcheck disable=SC2016
    dpkg-query --admindir="$root/var/lib/dpkg" --show --showformat='${Package} ${Version}, ' "$@" | sed 's/, $//'
}

# on_a_host PAGE: runs in a shell of its own.
on_a_host() {
    page=$1
    make_work
    start_systemd "$root"
    install_autora
    "$page"
    blocks=$(grep -c '^```sh$' "$handbook/recipes/$page.md")
    [ "$ran" -eq "$blocks" ] || fail "$ran of the page's $blocks blocks of commands ran"
}

install_autora() {
    put /root/autora.deb <"$package"
    inside dpkg --install /root/autora.deb >"$work/said" 2>&1 || fail "dpkg: $(cat "$work/said")"
    tar --create --directory="$contrib" --transform='s,^,contrib/,' hooks | inside tar --extract --directory=/root ||
        fail "the hooks cannot be copied"
    inside diff --recursive /root/contrib/hooks /usr/share/doc/autora/examples/hooks || fail "the package has other hooks"
    run_block "$handbook/quick-start.md" "2. Let the host forward" 2
    # shellcheck disable=SC2016
    regex=$(sed -n "s/.*\`AUTORA_INTERFACE_REGEX='\([^\`']*\)'\`.*/\1/p" "$handbook/recipes/$page.md")
    inside sh -c "echo \"AUTORA_INTERFACE_REGEX='\$1'\" >>/etc/default/autora" sh "$regex"
    inside autora --check --settings /etc/default/autora >"$work/said" 2>&1 || fail "settings: $(cat "$work/said")"
    inside systemctl enable --quiet --now autora || fail "autora does not start"
}

# The operator has a guest `web1` with two interfaces, which runs. libvirtd that is stopped a moment after it started a
# guest may hang, and gives up after 30 s by itself.
libvirt() {
    interface=$(block "$handbook/recipes/libvirt.md" "" xml 1)
    say "$interface" | put /root/interface.xml
    put /root/web1.xml <<END
<domain type='qemu'>
  <name>web1</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <features><acpi/></features>
  <devices>
$interface
$interface
  </devices>
</domain>
END
    does virsh define /root/web1.xml
    does virsh start web1
    run "Install" 1
    served vnet0 2001:db8:0:10::/64
    served vnet1 2001:db8:0:11::/64
    run "Check" 1
    run "What happens" 1
    served vnet2 2001:db8:0:12::/64
    say "  the guest starts again: taps with other names"
    does virsh destroy web1
    does virsh start web1
    served vnet3 2001:db8:0:10::/64
    served vnet4 2001:db8:0:11::/64
}

# The operator has a container `web1`.
nspawn() {
    inside mkdir -p /var/lib/machines/web1
    inside tar --extract --directory=/var/lib/machines/web1 <"$guest" || fail "no container can be made"
    run "Install" 1
    served ve-web1 2001:db8:0:10::/64
    run "Check" 1
    wait_until 10 "the container's address and route" has_address_and_route inside_machine web1
    say "  beside systemd-networkd"
    does systemctl start systemd-networkd
    wait_until 10 "systemd-networkd to manage the link" networkctl_says configured
    wait_until 10 "the end of the address" not_served ve-web1 no-prefix
    block "$handbook/recipes/nspawn.md" "If systemd-networkd runs on the host" ini 1 |
        put /etc/systemd/network/70-autora.network
    run "If systemd-networkd runs on the host" 1
    served ve-web1 2001:db8:0:10::/64
    networkctl_says unmanaged || fail "systemd-networkd still manages the link"
    say "  a name that systemd shortens"
    does machinectl terminate web1
    wait_until 10 "the end of the container" gone ve-web1
    does machinectl rename web1 web1-with-a-long-name
    inside sh -c "echo 'web1-with-a-long-name 2001:db8:0:11::/64' >>/etc/autora/prefixes"
    does machinectl start web1-with-a-long-name
    served "$(name_of ve-web1-with-a-long-name)" 2001:db8:0:11::/64
    wait_until 10 "the container's address and route" has_address_and_route inside_machine web1-with-a-long-name
}

# The operator has a command line of QEMU, and a user `qemu` who may start it.
qemu() {
    run "Install" 1
    say "  QEMU does not start if the script fails"
    inside chmod a-x /usr/local/lib/autora/qemu-ifup
    inside timeout 20 sh -c "$(machine "Install" 2)" >"$work/said" 2>&1
    is_in_said 'network script .* failed'
    inside chmod a+x /usr/local/lib/autora/qemu-ifup
    start_machine root "Install" 2
    served tap-vm-1 2001:db8:0:10::/64
    run "Check" 1
    does systemctl stop machine
    wait_until 10 "the end of the tap" gone tap-vm-1
    say "  without root"
    inside useradd --system qemu
    run "Without root" 1
    not_served tap-vm-1 no-link-local || fail "served without a program that has it open"
    start_machine qemu "Without root" 2
    served tap-vm-1 2001:db8:0:10::/64
}

# start_machine USER HEADING NUMBER: runs a block that starts QEMU, and does not wait for its end.
start_machine() {
    commands=$(machine "$2" "$3") || exit 1
    ran=$((ran + 1))
    does systemd-run --quiet --collect --unit=machine --uid="$1" sh -c "$commands"
}

# machine HEADING NUMBER: prints a block with a machine in the place of `...`.
machine() { block "$handbook/recipes/qemu.md" "$1" sh "$2" | sed 's/ \.\.\. / -m 64 -display none /'; }

# The operator has Incus with its usual storage and network, and a container `web1`, which runs.
incus() {
    does incus admin init --minimal
    printf 'architecture: x86_64\ncreation_date: 1\n' | put /root/metadata.yaml
    does tar --create --directory=/root --file=/root/metadata.tar metadata.yaml
    put /root/guest.tar <"$guest"
    does incus image import /root/metadata.tar /root/guest.tar --alias debian
    does incus launch debian web1
    run "Install" 1
    run "Install" 2
    served ve-web1 2001:db8:0:10::/64
    run "Check" 1
    wait_until 10 "the container's address and route" has_address_and_route inside incus exec web1 --
}

# The operator has a container `web1` without a network, which runs.
lxc() {
    inside mkdir -p /var/lib/lxc/web1/rootfs
    inside tar --extract --directory=/var/lib/lxc/web1/rootfs <"$guest" || fail "no container can be made"
    put /var/lib/lxc/web1/config <<END
lxc.include = /usr/share/lxc/config/common.conf
lxc.rootfs.path = dir:/var/lib/lxc/web1/rootfs
lxc.uts.name = web1
lxc.net.0.type = empty
END
    does lxc-start web1
    run "Install" 1
    inside sed -i '/^lxc.net.0/d' /var/lib/lxc/web1/config
    block "$handbook/recipes/lxc.md" "Install" text 1 | inside sh -c 'cat >>/var/lib/lxc/web1/config'
    run "Install" 2
    served ve-web1 2001:db8:0:10::/64
    run "Check" 1
    wait_until 10 "the container's address and route" has_address_and_route inside lxc-attach web1 --
}

# run HEADING NUMBER: runs a block of the page's commands.
run() {
    say "  $1, block $2"
    run_block "$handbook/recipes/$page.md" "$1" "$2"
    ran=$((ran + 1))
}

# run_block FILE HEADING NUMBER: runs a block of commands, in a folder that has contrib, until one fails.
run_block() {
    commands=$(block "$1" "$2" sh "$3") || exit 1
    # shellcheck disable=SC2016
    inside sh -c 'cd /root && exec sh -exc "$1"' sh "$commands" >"$work/said" 2>&1 || fail "$(cat "$work/said")"
}

# block FILE HEADING LANGUAGE NUMBER: prints a block of code below a heading of the second rank, or above all of them.
block() {
    awk -v heading="$2" -v fence="\`\`\`$3" -v number="$4" '
        /^## / && !code { here = substr($0, 4) }
        /^```$/ && code { code = wanted = 0; next }
        /^```/ && !code { code = 1; wanted = here == heading && $0 == fence && ++count == number; next }
        wanted { print; found = 1 }
        END { exit !found }
    ' "$1" || fail "$1 has no block $4 of $3 below '$2'"
}

# served INTERFACE PREFIX: waits until autora has sent an RA there.
served() {
    inside autora wait "$1" --timeout 30s >"$work/said" 2>&1 || fail "autora wait: $(cat "$work/said")"
    inside autora explain "$1" >"$work/said" 2>&1
    is_in_said "^$1 is served from fe80::.* with $2\$"
}

# not_served INTERFACE REASON
not_served() { inside autora explain "$1" | grep -q "^$1 is not served:.*$2"; }

is_in_said() { grep -q "$1" "$work/said" || fail "no line with '$1' in: $(cat "$work/said")"; }

# has_address_and_route COMMAND...: COMMAND runs another one in the guest.
has_address_and_route() {
    "$@" ip -6 address show scope global | grep -q ' 2001:db8:0:1' && "$@" ip -6 route show default | grep -q 'via fe80::'
}

# inside_machine NAME COMMAND...
inside_machine() {
    leader=$(inside machinectl show "$1" --property=Leader --value)
    shift
    inside nsenter --target "$leader" --net "$@"
}

networkctl_says() { inside networkctl list ve-web1 --no-legend | grep -q " $1\$"; }
gone() { inside test ! -e "/sys/class/net/$1"; }
name_of() { inside ip -o link show dev "$1" | sed 's/^[0-9]*: \([^@:]*\).*/\1/'; }

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [ -z "$init" ] || inside journalctl --lines=40 --no-pager --output=short-precise 2>/dev/null | sed 's/^/  journal: /' >&2
    [ ! -s "$work/console" ] || sed 's/^/  console: /' "$work/console" >&2
    exit 1
}

main "$@"
