# A systemd of its own for the scripts of this folder, as the first process of namespaces, on an overlay of a root file
# system in memory; nothing of it remains. Each script sources common.sh first, defines `fail`, and begins its main with:
#   [ "${1-}" != --boot ] || boot "$2" "$3"

work=
boot=
init=
# Units that do not run. Most of what these set is no namespace's own, but this machine's. A script may add others, which
# it then starts itself.
masked="systemd-sysctl systemd-udev-trigger systemd-modules-load"

# make_work: makes the folder for temporary files, and cleans up when the script ends.
make_work() {
    work=$(mktemp -d) || give_up "no folder for temporary files"
    trap clean_up EXIT
    trap 'exit 2' HUP INT PIPE TERM
}

# start_systemd ROOT
start_systemd() {
    # The cgroup that systemd sees as the root is a branch of this machine's hierarchy.
    mkdir "$work/cgroup"
    mount -t cgroup2 cgroup2 "$work/cgroup" || give_up "no control groups (version 2)"
    mkdir "$work/cgroup/autora-$$" || give_up "no control group can be made"
    sh -c "echo \$\$ >'$work/cgroup/autora-$$/cgroup.procs' && exec unshare --mount --pid --net --uts --ipc --cgroup \
        --fork --kill-child sh '$0' --boot '$1' '$work'" >"$work/console" 2>&1 &
    boot=$!
    wait_until 10 "the first process" first_process
    wait_until 30 "systemd" has_booted
}

# Runs as the first process of the namespaces: sets up the root file system and execs systemd.
boot() {
    mount --make-rprivate / &&
        mkdir "$2/memory" && mount -t tmpfs -o mode=755 tmpfs "$2/memory" &&
        mkdir "$2/memory/upper" "$2/memory/work" "$2/memory/root" &&
        mount -t overlay -o "lowerdir=$1,upperdir=$2/memory/upper,workdir=$2/memory/work" overlay "$2/memory/root" &&
        cd "$2/memory/root" || exit
    mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup &&
        mount -t tmpfs -o mode=755 tmpfs run && devices || exit
    # Open to all, as udev makes it; this machine's may not be.
    mkdir dev/net && mknod -m 666 dev/net/tun c 10 200 || exit
    for unit in $masked; do
        ln -s /dev/null "etc/systemd/system/$unit.service" || exit
    done
    mkdir old && pivot_root . old && umount -l old && rmdir old || exit
    exec /usr/bin/env -i container=autora-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --show-status=no
}

# inside COMMAND...: runs COMMAND in the namespaces of that systemd.
inside() { nsenter --target "$init" --all /usr/bin/env -i --chdir=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }

# does COMMAND...: runs it there, and fails if it does.
does() { inside "$@" >"$work/said" 2>&1 || fail "$*: $(cat "$work/said")"; }

# put PATH: writes standard input there.
# shellcheck disable=SC2016
put() { inside sh -c 'cat >"$1"' sh "$1"; }

first_process() {
    init=$(cat "/proc/$boot/task/$boot/children" 2>/dev/null)
    init=${init%% *}
    [ -n "$init" ] && [ "$(cat "/proc/$init/comm" 2>/dev/null)" = systemd ]
}

has_booted() { [ "$(inside systemctl is-system-running 2>/dev/null)" = running ]; }

# is EXPECTED COMMAND...
is() {
    expected=$1
    shift
    said=$("$@" 2>&1)
    [ "$said" = "$expected" ] || fail "$*: $said, not $expected"
}

has_no_process() { grep -q '^populated 0$' "$work/cgroup/autora-$$/cgroup.events"; }

# With the first process all processes and mounts of its namespaces end.
clean_up() {
    if [ -n "$boot" ]; then
        kill -KILL "$boot" 2>/dev/null
        wait "$boot" 2>/dev/null
    fi
    if [ -d "$work/cgroup/autora-$$" ]; then
        await 10 has_no_process
        find "$work/cgroup/autora-$$" -depth -type d -exec rmdir {} +
    fi
    umount "$work/cgroup" 2>/dev/null
    rm -rf --one-file-system "$work"
}
