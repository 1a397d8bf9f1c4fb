# What the scripts of this folder have in common; each of them has a `fail` of its own.

# wait_until SECONDS WHAT COMMAND...: looks ten times a second.
wait_until() {
    left=$(($1 * 10))
    what=$2
    shift 2
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "waited in vain for $what"
        sleep 0.1
    done
}

say() { printf '%s\n' "$*"; }

give_up() {
    printf 'not tried: %s\n' "$*" >&2
    exit 2
}
