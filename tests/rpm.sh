#!/bin/sh
# Tests the RPM under a systemd of its own: install, enable, an instance of the template, upgrade and erase, on this
# host and in another root, and after each step whether the guest has its route.
# Usage, as root: rpm.sh ROOT PACKAGE NEWER
#   ROOT     a root file system of Debian with systemd, iproute2, tcpdump and rpm, from mmdebstrap; it is not changed
#   PACKAGE  the RPM to test
#   NEWER    the same one with a higher number, for the upgrade
# systemd runs as the first process of namespaces of its own, on an overlay of ROOT in memory; nothing of it remains.
# Exit code: 0 if all steps pass, 1 if one fails, 2 if they cannot run.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/systemd.sh
. "$(dirname "$0")/systemd.sh"
# shellcheck source=tests/served.sh
. "$(dirname "$0")/served.sh"

# Debian's rpm has its database in the home of the user.
database='_dbpath /var/lib/rpm'

main() {
    [ "${1-}" != --boot ] || boot "$2" "$3"
    prepare "$@"
    start_systemd "$1"
    a_guest
    as_on_el
    # Debian 12's rpm warns of its use without this option, which later ones do not have.
    on_debian=$(inside rpm --help | grep -o -e '--force-debian')
    put /root/autora.rpm <"$2"
    put /root/newer.rpm <"$3"
    described
    installed
    enabled
    instance
    upgraded
    in_another_root
    erased
    say "all steps pass"
}

# The last of EL's presets. Debian has none, and systemd enables a service that no preset names.
as_on_el() { echo 'disable *' | put /usr/lib/systemd/system-preset/99-default-disable.preset; }

described() {
    say "$(inside rpm --version): the package needs systemd, and of RPM what EL 9 has"
    is "/bin/sh systemd systemd >= 247 " needs
    is "CompressedFileNames FileDigests PayloadFilesHavePrefix PayloadIsZstd " features
    # c and n: %config(noreplace), so that an upgrade keeps what the operator has edited.
    is "cn /etc/default/autora" settings
    is "root:root" about '[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]'
    elsewhere=$(about '[%{FILENAMES}\n]' | grep -v '^/usr/\|^/etc/default/autora$')
    [ -z "$elsewhere" ] || fail "files where EL has none: $elsewhere"
}

# about FORMAT: what the package says of itself, sorted, each line once.
about() { query --package --queryformat "$1" /root/autora.rpm | sort -u; }
required() { about '[%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION}\n]' | sed 's/ *$//'; }
needs() { required | grep -v '^rpmlib(' | tr '\n' ' '; }
features() { required | sed -n 's/^rpmlib(\(.*\)).*/\1/p' | tr '\n' ' '; }
settings() { about '[%{FILEFLAGS:fflags} %{FILENAMES}\n]' | grep '^c'; }

installed() {
    say "install: neither enabled nor started"
    files >"$work/before"
    changed --install /root/autora.rpm
    is "disabled" inside systemctl is-enabled autora
    is "inactive" inside systemctl is-active autora
    inside getent passwd autora >/dev/null || fail "there is no user autora"
    is "" inside rpm --define "$database" --verify --nodeps autora
    inside autora --version | grep -q 'with the eBPF filter' || fail "no filter: $(inside autora --version)"
    inside sh -c "echo 'AUTORA_INTERFACE_REGEX=^tap-vm-[0-9]+\$' >>/etc/default/autora"
}

upgraded() {
    say "upgrade: the new program, no withdrawal, the settings as they were edited"
    upgraded_by with_rpm --upgrade /root/newer.rpm
    is "2" query --queryformat '%{RELEASE}' autora
    # The file that was there before would be a deleted one.
    is "/usr/bin/autora" inside readlink "/proc/$(pid)/exe"
}

# As for an image that is made on a host which serves. The other root has what this one has, in a copy.
in_another_root() {
    say "erase, install and upgrade in another root: a user and no service there, and the daemons of this one go on"
    process=$(pid)
    before=$(final_ras)
    inside sh -e <<'END' || fail "no other root can be made"
mkdir /srv/other /run/other
mount -t tmpfs tmpfs /run/other
mkdir /run/other/upper /run/other/work
mount -t overlay -o lowerdir=/,upperdir=/run/other/upper,workdir=/run/other/work overlay /srv/other
mount -t proc proc /srv/other/proc
END
    changed_there --erase autora
    inside find /srv/other/etc/systemd/system -name 'autora*' | grep . && fail "still enabled there"
    inside sed -i '/^autora:/d' /srv/other/etc/passwd /srv/other/etc/group
    changed_there --install /root/autora.rpm
    is "disabled" inside systemctl --root=/srv/other is-enabled autora
    inside grep -q '^autora:' /srv/other/etc/passwd || fail "there is no user autora"
    changed_there --upgrade /root/newer.rpm
    changed_there --erase autora
    inside test ! -e /srv/other/usr/bin/autora || fail "the program is still there"
    inside sh -c 'umount /srv/other/proc /srv/other /run/other && rmdir /srv/other /run/other' ||
        fail "the other root is in use"
    is "$process" pid
    is "active" inside systemctl is-active autora@customers
    [ "$(final_ras)" -eq "$before" ] || fail "a withdrawal: $(cat "$work/wire")"
}

erased() {
    say "erase: a withdrawal, and nothing is left but the user and the settings that the operator made"
    withdrawn with_rpm --erase autora
    is "inactive" inside systemctl is-active autora@customers
    inside getent passwd autora >/dev/null || fail "the user is gone"
    files >"$work/after"
    left=$(comm -13 "$work/before" "$work/after" | grep -v '^/root/\|^/var/log/\|^/tmp/\|^/var/tmp/' | grep 'autora')
    is "/etc/default/autora-customers
/etc/default/autora.rpmsave" say "$left"
    inside find /run -name 'autora*' | grep . && fail "left behind in /run"
    inside systemctl list-unit-files 'autora*' --no-legend | grep . && fail "systemd still knows it"
    is "running" inside systemctl is-system-running
}

files() { inside sh -c 'find / -xdev -path /proc -prune -o -path /sys -prune -o -print | sort'; }

query() { inside rpm --define "$database" --query "$@"; }
changed() { with_rpm "$@" || fail "rpm $*: $(cat "$work/said")"; }
# A plugin of later ones warns of a mount that it does not make in a root.
changed_there() { changed --root /srv/other --noplugins "$@"; }

# with_rpm OPTION...: fails also if rpm or a scriptlet says more than that a user is made and settings are saved. rpm
# knows nothing of Debian's packages, so `described` has the dependencies.
with_rpm() {
    # shellcheck disable=SC2086
    inside rpm --define "$database" $on_debian --nodeps --nosignature "$@" >"$work/said" 2>&1 &&
        ! grep -qv '^Creating \(group\|user\) \| saved as /etc/default/autora.rpmsave$' "$work/said" && return
    cat "$work/said"
    return 1
}

main "$@"
