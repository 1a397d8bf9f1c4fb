# Functions that the scripts of this folder share; each script defines `fail`.

# wait_until SECONDS WHAT COMMAND...: runs COMMAND ten times a second until it succeeds, and fails after SECONDS.
wait_until() {
    seconds=$1
    what=$2
    shift 2
    await "$seconds" "$@" || fail "timeout: $what"
}

# await SECONDS COMMAND...: does the same, and returns 1 after SECONDS.
await() {
    left=$(($1 * 10))
    shift
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.1
    done
}

# devices: mounts dev in the root file system that is the working directory, with what every program may use.
devices() {
    mount -t tmpfs -o mode=755 tmpfs dev || return
    for device in null zero full random urandom tty; do
        : >"dev/$device" && mount --bind "/dev/$device" "dev/$device" || return
    done
    mkdir dev/pts dev/shm && mount -t tmpfs tmpfs dev/shm &&
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts &&
        ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd
}

say() { printf '%s\n' "$*"; }

give_up() {
    printf 'not tried: %s\n' "$*" >&2
    exit 2
}
