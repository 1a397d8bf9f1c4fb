#!/bin/sh
# Runs in a virtual machine with a Debian: hooks as libvirt calls them, confined by the profile of libvirtd that is in
# Debian's package. Lines that begin with @@ (marks) are read by the program that runs the machine.
set -eu

link=/usr/local/lib/autora/autora-link
hooks=/etc/libvirt/hooks/qemu.d
profile=/etc/apparmor.d/usr.sbin.libvirtd
local=/etc/apparmor.d/local/usr.sbin.libvirtd

main() {
    cd /root
    the_operators_files
    the_guests_tap
    # The package makes it, empty, when it is installed.
    : >"$local"
    apparmor_parser --replace "$profile"
    mark profile "$(confinement)"
    # The control: without the profile nothing is denied.
    try control "$hooks/own"
    try executed confined "$hooks/own"
    mark denied "$(denial)"
    try handed confined "$hooks/autora"
    try allowed across_the_change "$hooks/own"
}

# Installs what the page does, and a hook that executes autora-link itself.
the_operators_files() {
    install -D -m 755 contrib/hooks/autora-link "$link"
    install -D -m 755 contrib/hooks/libvirt "$hooks/autora"
    printf '#!/bin/sh\nexec %s -- vnet0 web1\n' "$link" >"$hooks/own"
    chmod 755 "$hooks/own"
    mkdir -p /etc/autora
    echo 'web1 2001:db8:0:10::/64' >/etc/autora/prefixes
}

the_guests_tap() {
    ip link add vnet0 type veth peer name guest0
    ip link set guest0 up
    cat >web1.xml <<END
<domain type='kvm'>
  <name>web1</name>
  <devices>
    <interface type='ethernet'>
      <target dev='vnet0'/>
      <model type='virtio'/>
    </interface>
  </devices>
</domain>
END
}

# try MARK COMMAND...: calls a hook as libvirt does; the mark has its exit code and the address of the tap.
try() {
    name=$1
    shift
    ip -6 address flush dev vnet0 scope global
    code=0
    "$@" web1 started begin - <web1.xml || code=$?
    address=$(ip -6 -o address show dev vnet0 scope global | sed -n 's/.* inet6 \([^ ]*\) .*/\1/p')
    mark "$name" "$code" "${address:-none}"
}

# confined COMMAND...: runs a command from a process with the profile of libvirtd, as libvirtd runs its hooks.
confined() {
    # shellcheck disable=SC2016
    aa-exec --profile=libvirtd -- sh -c '"$@"' sh "$@"
}

# across_the_change COMMAND...: does the same from a process that runs while the profile gets the recipe's line, as
# libvirtd does.
across_the_change() {
    mkfifo runs changed
    # shellcheck disable=SC2016
    aa-exec --profile=libvirtd -- sh -c 'echo >runs && read -r _ <changed; "$@"' sh "$@" &
    read -r _ <runs
    line_of_the_page >>"$local"
    apparmor_parser --replace "$profile"
    echo >changed
    wait $!
}

# Prints the profile of such a process. `cat` would have left it: the profile lets the system's programs do so.
confinement() {
    # shellcheck disable=SC2016
    aa-exec --profile=libvirtd -- sh -c 'read -r current </proc/self/attr/apparmor/current && echo "$current"'
}

# Prints what the kernel's log has of the denied call, and waits for it, since a thread of the kernel writes it
# (kernel/audit.c, kauditd_thread).
denial() {
    denied="apparmor=\"DENIED\" operation=\"exec\""
    timeout 60 sed -n "s|.*\($denied\).* profile=\"libvirtd\" name=\"$link\".*|\1|p; T; q" </dev/kmsg
}

# Prints the line that the recipe has for such a hook.
line_of_the_page() { awk '/^```text$/ { line = 1; next } /^```$/ { line = 0 } line' libvirt.md; }

mark() { echo "@@ $*"; }

main
