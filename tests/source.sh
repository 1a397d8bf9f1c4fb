#!/bin/sh
# Builds the Debian package from the sources of a release with the command of debian/README.source, on a Debian that has
# the build dependencies and without a network, and starts the program that is in it.
# Usage, as root: source.sh ROOT SOURCES FOLDER, all three as absolute paths
#   ROOT     a root file system of Debian with the build dependencies, from mmdebstrap; it is mounted read-only
#   SOURCES  the tarball, autora-VERSION-source.tar.gz
#   FOLDER   an empty folder for the build, which takes some gigabytes
# The build runs in namespaces, by an account without rights and without a home, as on the builders of distributions.
# The last line says what was built.
# Exit code: 0 if the package was built and its program starts, 1 if not, 2 if the build cannot be tried.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"

main() {
    stage=${1-}
    case $stage in
    --within | --without-network) shift ;;
    *) prepare "$@" ;;
    esac
    root=$1
    sources=$2
    folder=$3
    case $stage in
    --within) within ;;
    --without-network) without_network "$4" ;;
    # With the first process all processes and mounts of its namespaces end.
    *) unshare --mount --uts --ipc --pid --fork --kill-child sh "$0" --within "$@" ;;
    esac
}

prepare() {
    [ "$(id -u)" -eq 0 ] || give_up "namespaces need root"
    [ $# -eq 3 ] || give_up "it takes a root, a tarball and a folder"
    [ -x "$1/usr/bin/dpkg-buildpackage" ] || give_up "no dpkg-buildpackage in $1"
    [ -f "$2" ] || give_up "no tarball at $2"
    [ -d "$3" ] || give_up "no folder at $3"
}

# Runs as the first process of the namespaces, of which that of the network is still the machine's.
within() {
    enter || give_up "the root file system cannot be set up"
    unprivileged tar --extract --gzip --directory=/srv <"$sources" || fail "the tarball cannot be unpacked"
    # The positive control.
    outside=$(routed)
    [ -n "$outside" ] || give_up "there is no network here either, so nothing would show that the build has none"
    unshare --net sh "$0" --without-network "$root" "$sources" "$folder" "$outside"
}

# Runs in a shell of its own, whose working directory must not stay.
enter() (
    mkdir "$folder/tmp" "$folder/build" && chmod 1777 "$folder/tmp" && chown 65534:65534 "$folder/build" &&
        mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" && cd "$root" &&
        mount -t proc proc proc && mount -t tmpfs -o mode=755 tmpfs run && devices &&
        mount --bind "$folder/tmp" tmp && mount --bind "$folder/build" srv
)

# without_network OUTSIDE: the interfaces with routes outside.
without_network() {
    inside=$(routed)
    [ -z "$inside" ] || fail "the build would have a network: $inside"
    build
    tested
    packaged
    say "built: $(version_of rustc), $(version_of cargo); $tests tests in $programs programs;" \
        "$package, $(stat --format=%s "$folder/build/$package") bytes; no routes, outside some on $1"
}

build() {
    {
        name=$(basename "$sources" -source.tar.gz)
        # shellcheck disable=SC2016
        unprivileged sh -c 'cd "/srv/$1" && exec dpkg-buildpackage -us -uc -b' sh "$name"
        say "dpkg-buildpackage: exit code $?"
    } 2>&1 | tee "$folder/log"
    ended=$(tail -n 1 "$folder/log")
    [ "$ended" = "dpkg-buildpackage: exit code 0" ] || fail "$ended"
}

tested() {
    tests=$(awk '/^test result: ok\./ { passed += $4 } END { print passed + 0 }' "$folder/log")
    programs=$(grep -c '^test result: ok\. [1-9]' "$folder/log")
    [ "$tests" -gt 0 ] || fail "no test ran in the build"
}

packaged() {
    package=$(cd "$folder/build" && echo autora_*.deb)
    [ -f "$folder/build/$package" ] || fail "no package, or several: $package"
    unprivileged dpkg-deb --extract "/srv/$package" /srv/content || fail "the package cannot be unpacked"
    says=$(unprivileged /srv/content/usr/bin/autora --version) || fail "the program does not start"
    say "$says" | grep -q 'with the eBPF filter' || fail "no filter: $says"
}

# unprivileged COMMAND...: runs COMMAND in the root file system, by that account.
unprivileged() {
    chroot --userspec=65534:65534 --groups=65534 "$root" /usr/bin/env -i --chdir=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/nonexistent LC_ALL=C ${CARGO_BUILD_JOBS:+"CARGO_BUILD_JOBS=$CARGO_BUILD_JOBS"} "$@"
}

# Lists the interfaces with routes, but for the loopback interface. Modules of tunnels may give each namespace more.
routed() {
    {
        tail -n +2 /proc/net/route | cut -f 1
        awk '{ print $NF }' /proc/net/ipv6_route 2>/dev/null
    } | grep -vx lo | sort -u | paste -s -d ' '
}

version_of() { unprivileged "$1" --version | cut -d ' ' -f 1,2; }

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

main "$@"
