# shellcheck shell=dash
# Links of every kind. Each function makes $LINK in this namespace, and eth0 in the namespace $GUEST as its other end;
# $N is a number that no other link of the host has. `ready` follows.

# The shell of Debian's busybox prefers its own to any that PATH has.
ip() {
    /usr/bin/ip "$@"
}

tc() {
    /usr/bin/tc "$@"
}

ready() {
    ip -n "$GUEST" link set eth0 up
    ip link set "$LINK" up
    ip address add "2001:db8:0:$N::1/64" dev "$LINK" nodad
}

# Makes a veth from $1 to the guest's $2, whose end is up.
cable() {
    ip link add "$1" type veth peer name "$2" netns "$GUEST"
    ip -n "$GUEST" link set "$2" up
}

# Makes $1, which is down as some masters want it, a port of $2.
port_of() {
    ip link set "$1" master "$2"
    ip link set "$1" up
}

veth() {
    cable "$LINK" eth0
}

vrf() {
    ip link add "$LINK" type vrf table "10$N"
    cable "port$N" eth0
    port_of "port$N" "$LINK"
}

vrf_port() {
    ip link add "red$N" type vrf table "10$N"
    ip link set "red$N" up
    cable "$LINK" eth0
    ip link set "$LINK" master "red$N"
}

bridge_device() {
    ip link add "$LINK" type bridge
    cable "port$N" eth0
    port_of "port$N" "$LINK"
}

bridge_port() {
    ip link add "br$N" type bridge
    cable "$LINK" eth0
    ip link set "$LINK" master "br$N"
}

bond() {
    ip link add "$LINK" type bond mode active-backup miimon 100
    cable "port$N" eth0
    port_of "port$N" "$LINK"
}

bond_port() {
    ip link add "bond$N" type bond mode active-backup miimon 100
    cable "$LINK" eth0
    ip link set "$LINK" master "bond$N"
    ip link set "bond$N" up
}

team() {
    ip link add "$LINK" type team
    teamnl "$LINK" setoption mode roundrobin
    cable "port$N" eth0
    port_of "port$N" "$LINK"
}

team_port() {
    ip link add "team$N" type team
    cable "$LINK" eth0
    ip link set "$LINK" master "team$N"
}

# The port that Open vSwitch makes for the host itself, and a flow in each direction.
openvswitch() {
    ovs-dpctl add-dp "$LINK"
    cable "port$N" eth0
    ip link set "port$N" up
    ovs-dpctl add-if "$LINK" "port$N"
    ovs-dpctl add-flow "$LINK" 'in_port(0),eth(),eth_type(0x86dd),ipv6()' 1
    ovs-dpctl add-flow "$LINK" 'in_port(1),eth(),eth_type(0x86dd),ipv6()' 0
}

openvswitch_port() {
    ovs-dpctl add-dp "dp$N"
    cable "$LINK" eth0
    ovs-dpctl add-if "dp$N" "$LINK"
}

tagged_guest() {
    ip -n "$GUEST" link add link base name eth0 type vlan id 10
}

vlan() {
    cable "base$N" base
    ip link set "base$N" up
    ip link add link "base$N" name "$LINK" type vlan id 10
    tagged_guest
}

vlan_on_bridge() {
    ip link add "br$N" type bridge vlan_filtering 1
    ip link set "br$N" up
    cable "port$N" base
    port_of "port$N" "br$N"
    bridge vlan add vid 10 dev "port$N"
    bridge vlan add vid 10 dev "br$N" self
    ip link add link "br$N" name "$LINK" type vlan id 10
    tagged_guest
}

# Makes both ends on a device that they share.
shared() {
    ip link add "base$N" type dummy
    ip link set "base$N" up
    ip link add link "base$N" name "$LINK" type "$@"
    ip link add link "base$N" name eth0 netns "$GUEST" type "$@"
}

macvlan() {
    shared macvlan mode bridge
}

ipvlan() {
    shared ipvlan mode l2
}

ipvlan_l3() {
    shared ipvlan mode l3
}

# Makes the network between host and guest that carries a tunnel.
under() {
    cable "under$N" under
    ip link set "under$N" up
    ip address add "fd00:0:0:$N::1/64" dev "under$N" nodad
    ip address add "10.9.$N.1/24" dev "under$N"
    ip -n "$GUEST" address add "fd00:0:0:$N::2/64" dev under nodad
    ip -n "$GUEST" address add "10.9.$N.2/24" dev under
}

over_ipv6() {
    under
    ip link add "$LINK" type "$@" local "fd00:0:0:$N::1" remote "fd00:0:0:$N::2"
    ip -n "$GUEST" link add eth0 type "$@" local "fd00:0:0:$N::2" remote "fd00:0:0:$N::1"
}

vxlan() {
    over_ipv6 vxlan id "$N" dstport 4789
}

ip6gretap() {
    over_ipv6 ip6gretap
}

ip6gre() {
    over_ipv6 ip6gre
}

ip6tnl() {
    over_ipv6 ip6tnl
}

gre() {
    under
    ip link add "$LINK" type gre local "10.9.$N.1" remote "10.9.$N.2"
    ip -n "$GUEST" link add eth0 type gre local "10.9.$N.2" remote "10.9.$N.1"
}

wireguard() {
    under
    ip link add "$LINK" type wireguard
    ip -n "$GUEST" link add eth0 type wireguard
    wg genkey >"/tmp/host$N"
    wg genkey >"/tmp/guest$N"
    wg set "$LINK" listen-port "518$N" private-key "/tmp/host$N" peer "$(wg pubkey <"/tmp/guest$N")" \
        allowed-ips ::/0 endpoint "[fd00:0:0:$N::2]:518$N"
    ip netns exec "$GUEST" wg set eth0 listen-port "518$N" private-key "/tmp/guest$N" \
        peer "$(wg pubkey <"/tmp/host$N")" allowed-ips ::/0 endpoint "[fd00:0:0:$N::1]:518$N"
}

# The kernel gives a link of WireGuard no link-local address.
wireguard_addresses() {
    ip address add fe80::1/64 dev "$LINK" nodad
    ip -n "$GUEST" address add fe80::2/64 dev eth0 nodad
}

multicast() {
    ip link set "$LINK" multicast on
}

# The kernel joins the group of all routers when forwarding begins.
forward_again() {
    echo 0 >"/proc/sys/net/ipv6/conf/$LINK/forwarding"
    echo 1 >"/proc/sys/net/ipv6/conf/$LINK/forwarding"
}

netem() {
    veth
    tc qdisc add dev "$LINK" root netem delay 1s
}

plug() {
    veth
    tc qdisc add dev "$LINK" root plug
}

unplug() {
    tc qdisc change dev "$LINK" root plug release_indefinite
}
