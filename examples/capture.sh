#!/usr/bin/env bash
#
# Records mixed.pcap: a few hundred packets of real, mixed traffic.
#
# Two network namespaces, joined by a veth pair, play client and server; real
# programs on both sides make the traffic and tcpdump records what reaches the
# server's end of the wire. Nothing touches the machine's own network, and
# addresses and names come from the ranges reserved for documentation.
#
# Needs root, a kernel with veth and 8021q, and: iproute2 ethtool tcpdump ping
# dig dnsmasq curl openssl sshd ssh-keyscan nc (OpenBSD's) python3. On Debian:
#
#   apt-get install iproute2 ethtool tcpdump iputils-ping bind9-dnsutils \
#     dnsmasq-base curl openssl openssh-server netcat-openbsd python3
#
# Usage: capture.sh [output.pcap]

set -euo pipefail

output=${1:-$(dirname "$0")/mixed.pcap}
client=cbpf-client-$$
server=cbpf-server-$$
scratch=$(mktemp -d)

serve() { ip netns exec "$server" "$@" >/dev/null 2>&1 </dev/null & }
run() { ip netns exec "$client" "$@" >/dev/null 2>&1 || true; } # some are meant to fail
beat() { run ping "$@" & beats+=($!); }

cleanup() {
    for ns in "$client" "$server"; do
        ip netns pids "$ns" 2>/dev/null | xargs -r kill 2>/dev/null || true
        ip netns delete "$ns" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT

# --- The wire: eth0 on both sides, and VLAN 7 on top of it ------------------

attach() { # namespace, host number
    local ns=$1 host=$2
    ip -n "$ns" link set eth0 address "02:00:00:00:00:0$host"
    # Leave nothing to offload, so that frames are recorded as a wire has them:
    # whole checksums, no merged segments, VLAN tags in place.
    ip netns exec "$ns" ethtool -K eth0 \
        rx off tx off tso off gso off gro off rxvlan off txvlan off >/dev/null
    ip -n "$ns" address add "192.0.2.$host/24" broadcast + dev eth0
    ip -n "$ns" address add "2001:db8::$host/64" dev eth0 nodad
    ip -n "$ns" link add link eth0 name eth0.7 type vlan id 7
    ip -n "$ns" address add "198.51.100.$host/24" dev eth0.7
    ip -n "$ns" address add "2001:db8:7::$host/64" dev eth0.7 nodad
    ip -n "$ns" link set lo up
    ip -n "$ns" link set eth0 up
    ip -n "$ns" link set eth0.7 up
    ip -n "$ns" route add 224.0.0.0/4 dev eth0
}

ip netns add "$client"
ip netns add "$server"
ip -n "$client" link add eth0 type veth peer name eth0 netns "$server"
attach "$server" 2

# --- The server's programs --------------------------------------------------

mkdir -p "$scratch/www" /run/sshd
seq 200 >"$scratch/www/index.html"
ssh-keygen -q -t ed25519 -N '' -C '' -f "$scratch/ssh"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
    -subj /CN=example.test -keyout "$scratch/tls" -out "$scratch/crt" 2>/dev/null

serve dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file --user=root \
    --no-hosts --no-resolv --address=/example.test/192.0.2.2 --address=/example.test/2001:db8::2
serve python3 -m http.server 80 --bind :: --directory "$scratch/www"
serve openssl s_server -accept 443 -www -key "$scratch/tls" -cert "$scratch/crt"
serve "$(command -v sshd)" -D -f /dev/null -h "$scratch/ssh" -o PidFile=none

# Up to here the server's cable leads nowhere: record first, then plug it in.
ip netns exec "$server" tcpdump -Z root -i eth0 -s 262144 -w "$scratch/mixed.pcap" 2>/dev/null &
tcpdump=$!
sleep 1
attach "$client" 1
sleep 3 # both sides settle their link-local addresses and multicast groups

# --- The traffic ------------------------------------------------------------

# A steady beat of echoes beneath everything else ...
beat -c 12 -i 0.4 192.0.2.2
beat -c 12 -i 0.4 2001:db8::2
beat -c 8 -i 0.5 198.51.100.2  # tagged
beat -c 4 -i 0.9 2001:db8:7::2 # tagged

# ... the everyday ...
run dig @192.0.2.2 example.test A
run dig @192.0.2.2 www.example.test AAAA
run curl http://192.0.2.2/
run dig @2001:db8::2 example.test AAAA
run curl 'http://[2001:db8::2]/'
run dig +tcp @192.0.2.2 www.example.test A
run dig @192.0.2.2 example.org MX # refused
run curl --insecure https://192.0.2.2/
run ssh-keyscan -t ed25519 192.0.2.2
run dig @198.51.100.2 example.test A # tagged
run curl http://198.51.100.2/        # tagged

# ... and the odd.
run ping -c 2 -i 0.3 192.0.2.9                                # nobody there: ARP
run ping -c 2 -i 0.3 -s 3000 192.0.2.2                        # IPv4 fragments
run ping -c 2 -i 0.3 -s 3000 2001:db8::2                      # IPv6 fragments
run nc -z 192.0.2.2 81                                        # refused: RST
run nc -u -w 1 192.0.2.2 40000 <<<'anyone there?'             # unreachable port
run nc -u -w 1 2001:db8::2 50000 <<<'anyone there?'
run dig +time=1 +tries=1 -p 5353 @224.0.0.251 printer.local A # multicast
run ping -b -c 2 -i 0.3 192.0.2.255                           # broadcast
run nc -u -b -w 1 192.0.2.255 6000 <<<'anyone at all?'

wait "${beats[@]}"
sleep 1 # let tcpdump catch up
kill "$tcpdump"
wait "$tcpdump"

# --- Everything there? ------------------------------------------------------

count() { tcpdump -r "$scratch/mixed.pcap" --count "$1" 2>/dev/null | cut -d' ' -f1; }

for kind in arp icmp icmp6 'udp port 53' 'tcp port 53' 'tcp port 80' 'ip6 and tcp port 80' \
    'tcp port 443' 'tcp port 22' 'tcp[tcpflags] & tcp-rst != 0' 'ip[6:2] & 0x1fff != 0' \
    'ip6[6] = 44' vlan 'vlan and tcp' 'udp port 40000' 'ip multicast' 'ip and ether broadcast' ''; do
    packets=$(count "$kind")
    printf '%5d  %s\n' "$packets" "${kind:-in all}"
    ((packets > 0)) || { echo "$0: nothing recorded for: $kind" >&2; exit 1; }
done
cp "$scratch/mixed.pcap" "$output"
