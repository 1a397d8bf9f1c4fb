# The steps of service.sh with the programs that upgrade a host by themselves. They have its functions and variables.
# shellcheck disable=SC2154

replaced() {
    say "needrestart: an upgraded package leaves nothing to restart; a replaced program is restarted, without a withdrawal"
    named=$(outdated_services)
    [ -z "$named" ] || fail "after the upgrade: $named"
    # The positive control: the same bytes in another file.
    inside sh -c 'cp --preserve /usr/bin/autora /usr/bin/autora.new && mv /usr/bin/autora.new /usr/bin/autora'
    named=$(outdated_services | tr '\n' ' ')
    [ "$named" = "autora.service autora@customers.service " ] || fail "needrestart names: $named"
    other=$(pid_of autora@customers)
    another_process_without_withdrawal inside needrestart -l -r a
    [ "$(pid_of autora@customers)" -ne "$other" ] || fail "the instance still runs the old file"
}

outdated_services() { inside needrestart -b -l 2>&1 | sed -n 's/^NEEDRESTART-SVC: \(autora.*\)/\1/p'; }

# From a repository of the operator's, with the setting of the handbook. The unit reads /etc/default/autora, which has been
# edited.
upgraded_unattended() {
    say "unattended-upgrades: a newer package without a withdrawal, and none that would ask about edited settings"
    inside sh -c 'rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*'
    inside sh -c 'echo "deb [trusted=yes] file:/tmp/repository ./" >/etc/apt/sources.list.d/example.list'
    grep '^Unattended-Upgrade::' "$(dirname "$0")/../contrib/docs/src/reference/operation.md" |
        inside sh -c 'cat >/etc/apt/apt.conf.d/52example'
    offered 2:1 'echo "# A new comment." >>package/etc/default/autora'
    old=$(pid)
    unattended >"$work/command" 2>&1
    grep -q 'autora has conffile prompt' "$work/command" || fail "unattended-upgrade: $(cat "$work/command")"
    is "$old" pid
    offered 2:2 true
    another_process_without_withdrawal unattended
    # shellcheck disable=SC2016
    is "2:2" inside dpkg-query --show --showformat='${Version}' autora
}

unattended() { inside apt-get -q update && inside unattended-upgrade --verbose; }

# offered VERSION COMMAND: puts the package with that version into the repository, changed by a command.
offered() {
    inside sh -e -s "$1" "$2" <<'END' || fail "no repository can be made"
rm -rf /tmp/repository && mkdir /tmp/repository && cd /tmp/repository
dpkg-deb --raw-extract /root/newer.deb package
sed -i "s/^Version: .*/Version: $1/" package/DEBIAN/control
eval "$2"
dpkg-deb --root-owner-group -Znone --build package autora.deb >/dev/null
rm -r package
{
    dpkg-deb --field autora.deb
    echo "Filename: ./autora.deb"
    echo "Size: $(stat --format=%s autora.deb)"
    echo "SHA256: $(sha256sum <autora.deb | cut -d ' ' -f 1)"
} >Packages
{
    echo "Origin: example"
    echo "Date: $(date --utc --rfc-email)"
    echo "SHA256:"
    echo " $(sha256sum <Packages | cut -d ' ' -f 1) $(stat --format=%s Packages) Packages"
} >Release
END
}
