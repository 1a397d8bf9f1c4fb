# The guests of guests.sh that are firmware: virtual machines, whose serial console is read. They have its functions and
# variables.
# shellcheck disable=SC2154

# What a machine's script says when it has shown everything.
done_mark='@@ done'

in_a_machine() {
    [ -x "$qemu" ] || give_up "no program at $qemu"
    [ "$guest" != grub ] || start_systemd "$root"
    start_host a_tap
    looks=${guest}_says
    "$guest"
    wait_until 120 "the end of the machine's script" console_has "$done_mark"
    row address route off_link
}

# boots ARGUMENT...: starts a machine with a card on the tap, without firmware of the card's own.
boots() {
    ip netns exec "$host" "$qemu" -machine pc,graphics=off -nodefaults -no-user-config -display none -m 256 -no-reboot \
        -serial "file:$work/console" -netdev tap,id=card,ifname=vm1,script=no,downscript=no \
        -device "virtio-net-pci,netdev=card,mac=$mac,romfile=" "$@" </dev/null >"$work/said" 2>&1 &
    companion=$!
}

ipxe() {
    cat >"$work/script" <<END
#!ipxe
ifconf --configurator ipv6 net0 || echo not configured
route
echo $done_mark
sleep 60
END
    boots -kernel "$root/usr/lib/ipxe/ipxe.lkrn" -initrd "$work/script"
}

edk2() {
    mkdir "$work/disk"
    boots_shell <<END
ifconfig6 -s eth0 auto
stall 8000000
ifconfig6 -l eth0
echo $done_mark
END
}

# Its image is made by the programs of the root.
grub() {
    put /root/grub.cfg <<END
insmod efinet
net_ipv6_autoconf
net_ls_addr
net_ls_routes
echo "$done_mark"
sleep 60
END
    does grub-mkstandalone --format=x86_64-efi --install-modules="normal echo sleep net efinet" \
        --output=/root/grub.efi boot/grub/grub.cfg=/root/grub.cfg
    mkdir "$work/disk"
    inside cat /root/grub.efi >"$work/disk/grub.efi"
    boots_shell <<END
fs0:\\grub.efi
END
}

# Boots EDK2 with its shell, which runs the commands of standard input. It has no network without random numbers.
boots_shell() {
    cat >"$work/disk/startup.nsh"
    mkdir -p "$work/disk/EFI/BOOT" &&
        cp "$root/usr/share/efi-shell-x64/shellx64.efi" "$work/disk/EFI/BOOT/BOOTX64.EFI" &&
        cp "$root/usr/share/OVMF/OVMF_VARS_4M.fd" "$work/variables" || fail "no EDK2 in $root"
    boots -drive "if=pflash,format=raw,readonly=on,file=$root/usr/share/OVMF/OVMF_CODE_4M.fd" \
        -drive "if=pflash,format=raw,file=$work/variables" -drive "format=raw,file=fat:rw:$work/disk" \
        -device virtio-rng-pci
}

console_has() { shown | grep -q "$1"; }

# The console without the escape sequences of a terminal, in lower case, and without zeros at the beginning of a group
# of an address.
shown() {
    [ ! -s "$work/console" ] ||
        sed 's/\x1b\[[0-9;?=]*[A-Za-z]//g; s/\r//g; s/.*/\L&/; s/\b0*\([0-9a-f]\)/\1/g' "$work/console"
}

# It holds a prefix for on-link if its own address has that prefix's length.
ipxe_says() {
    shown | sed -n 's,^net0: \([^ /]*\)/\([0-9]*\) gw \([^ ]*\).*,\1 \2 \3,p' |
        while read -r own length gateway; do
            say "address $own"
            say "router $gateway"
            [ "$length" -eq 128 ] || say "on-link $prefix::/$length"
        done
}

edk2_says() {
    shown | sed -n -e 's,^\(2001:[^ ]*\)/64$,address \1,p' -e 's,^::/0 >> \(.*\),router \1,p' \
        -e 's,^\(2001:[^ ]*::/64\) >> ::$,on-link \1,p'
}

grub_says() {
    shown | sed 's,fe80:0:0:0:0:,fe80::,; s,:0:0:0:0/64,::/64,' | sed -n -e 's,.* gw \([^ ]*\).*,router \1,p' \
        -e 's,^efinet0:slaac:[0-9]* \(2001:[^ ]*/64\) .*,on-link \1,p' \
        -e 's,^efinet0:slaac:[0-9]* [^ ]* \(2001:[^ ]*\).*,address \1,p'
}
