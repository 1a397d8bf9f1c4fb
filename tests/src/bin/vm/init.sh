#!/bin/busybox sh
# shellcheck shell=dash
# The first process of a virtual machine. The kernel's argument role= names the function to run. Lines that begin with @@
# (marks) are read by the program that runs the machine.

mark() { echo "@@ $*"; }

# Shows address and default route whenever they change; the line "reboot" on the console reboots.
guest() {
    watch &
    ip link set eth0 up || mark failed "no eth0"
    while read -r line; do
        [ "$line" != reboot ] || reboot -f
    done
}

watch() {
    address=
    route=
    while :; do
        now=$(ip -6 address show dev eth0 scope global | awk '/inet6/ && !/tentative/ { print $2 }')
        [ "$now" = "$address" ] || mark address "${now:-none}"
        address=$now
        now=$(ip -6 route show default | awk '{ print $3, $5; exit }')
        [ "$now" = "$route" ] || mark route "${now:-none}"
        route=$now
        usleep 100000
    done
}

# Shows the same, and what it loses while it migrates.
migrant() {
    watch &
    ip link set eth0 up || mark failed "no eth0"
    vm migrant
}

flood() {
    ip link set eth0 up || mark failed "no eth0"
    vm flood
}

# The daemon on this kernel. The unit's limit of locked memory is 64 MiB (LimitMEMLOCK=); older systemd's default is 64 KiB.
host() {
    ip link set lo up
    mark lsm "$(cat /sys/kernel/security/lsm)"
    (ulimit -l 65536 && vm probe two net_raw bpf)
    (ulimit -l 65536 && vm probe three net_raw bpf perfmon)
    (ulimit -l 64 && vm probe memlock net_raw bpf perfmon)
    (ulimit -l 65536 && vm scene)
    mark end
    poweroff -f
}

# A Debian with programs of its own, by its own shell.
apparmor() {
    PATH=/usr/sbin:/usr/bin /usr/bin/sh /root/apparmor.sh
    poweroff -f
}

# Links of every kind, served by the daemon. `ip vrf exec` needs the tree of control groups.
links() {
    ip link set lo up
    mount -t cgroup2 cgroups /sys/fs/cgroup
    vm link-scenes
    mark end
    poweroff -f
}

/bin/busybox mkdir -p /dev /proc /run /sys /tmp /usr/sbin /var
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin AUTORA_BIN=/usr/bin/autora
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
stty -echo
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t securityfs security /sys/kernel/security
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
chmod 1777 /tmp
for module in /modules/*; do
    insmod "$module" || mark failed "$module"
done
mark boot "$(uname -r)"
# shellcheck disable=SC2154 # The kernel passes it.
"$role"
mark failed "nothing more to do"
sleep 600
