#!/usr/bin/env bash
# From nothing to a guest on a real host, with the unmodified OpenStack clients, and back to nothing.
# Needs root, QEMU, libvirt and Debian's python3-*client packages. Prints one line per check; the last line counts them.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

data=$(mktemp -d /tmp/pileus-e2e-XXXXXX)
key=$data/demo-key
passed=0 failed=0
declare -a failures=()

# The clients are Debian's, for Debian's own python.
client() { /usr/bin/python3 /usr/bin/"$@"; }
os() { client openstack "$@"; }

check() { # check NAME COMMAND...: the command must succeed
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then
    passed=$((passed + 1)); echo "    ok    $name"
  else
    failed=$((failed + 1)); failures+=("$name"); echo "    FAIL  $name"; sed 's/^/          /' <<<"$out" | tail -15
  fi
}
refuse() { # refuse NAME COMMAND...: the command must fail
  local name=$1
  shift
  check "$name" not "$@"
}
not() { ! "$@"; }
until_ok() { # until_ok SECONDS COMMAND...: tries until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || { echo "still failing after the deadline: $*"; "$@"; return 1; }
    sleep 0.5
  done
}
equals() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }
contains() { grep -qF -- "$2" <<<"$1" || { echo "no '$2' in: ${1:0:500}"; return 1; }; }
in_guest() { # in_guest ADDRESS COMMAND: as root, by the demo's key
  timeout 40 ssh -i "$key" -o BatchMode=yes -o ConnectTimeout=15 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o LogLevel=ERROR "root@$1" "$2"
}
pings() { ping -c 1 -W 2 "$1"; }
status_is() { [ "$(os server show -f value -c status "$1")" = "$2" ]; }
gone() { ! os server show "$1"; }

finish() {
  ./pileus down --data "$data" --purge >/dev/null 2>&1
  rm -rf "$data"
}
trap finish EXIT

ours() { # what is on the host that a cloud could have made
  {
    ip -o link show | awk -F': ' '{print $2}' | sed 's/@.*//' | grep -E '^(brq|tap|vx|qg|qr|br-ex|pileus)' || true
    ip netns list | awk '{print $1}' | grep -E '^(qdhcp|qrouter)' || true
    nft list tables 2>/dev/null | grep -i pileus || true
    pgrep -af 'dnsmasq|qemu-system' | grep -F "$data" || true
  } | sort
}
before=$(ours)

echo "  a cloud and a first guest"
check 'pileus demo ends with a guest that answers' ./pileus demo --data "$data"
[ -f "$data/openrc" ] || { echo "no cloud: the rest cannot be tried"; for log in "$data"/log/*.log; do tail -n 30 "$log"; done; echo "0 passed, 1 failed"; exit 1; }
# shellcheck disable=SC1091
. "$data/openrc"
fip=$(os floating ip list -f value -c 'Floating IP Address' | head -1)
check 'a second demo reuses what is there' ./pileus demo --data "$data"
check 'the second demo made no second guest' equals "$(os server list -f value -c Name | wc -l)" 1
check 'status is well' ./pileus status --data "$data"
check 'secrets are readable by their owner only' equals "$(stat -c %a "$data/openrc" "$data/clouds.yaml" | sort -u)" 600

echo "  identity"
check 'token issue' os token issue
check 'project create' os project create e2e
check 'user create' os user create --project e2e --password secret-e2e alice
check 'role create' os role create e2e-role
check 'role add' os role add --project e2e --user alice member
check 'the new user gets a token of the project' env OS_USERNAME=alice OS_PASSWORD=secret-e2e OS_PROJECT_NAME=e2e /usr/bin/python3 /usr/bin/openstack token issue
refuse 'a wrong password gets none' env OS_PASSWORD=wrong /usr/bin/python3 /usr/bin/openstack token issue

echo "  images"
head -c 3000000 /dev/urandom >"$data/blob"
check 'image create' os image create --disk-format raw --container-format bare --file "$data/blob" blob
check 'image save' os image save --file "$data/blob2" blob
check 'the bytes are the same' cmp "$data/blob" "$data/blob2"
check 'glance image-list (the old client)' client glance image-list

echo "  networks and security groups"
check 'network create' os network create net2
check 'subnet create' os subnet create --network net2 --subnet-range 10.2.0.0/24 subnet2
check 'router create' os router create router2
check 'neutron net-list (the old client)' client neutron net-list
check 'security group create' os security group create closed
check 'key pair create' os keypair create e2e-key

echo "  the guest's life"
check 'the guest answers ping on its floating address' pings "$fip"
check 'the guest has its own name from metadata' equals "$(in_guest "$fip" hostname)" demo
check 'console log show' contains "$(os console log show demo)" 'tiny['
check 'console url show' os console url show --novnc demo
check 'stop' os server stop demo
check 'it becomes SHUTOFF' until_ok 90 status_is demo SHUTOFF
refuse 'a stopped guest answers no ping' pings "$fip"
check 'start' os server start demo
check 'it becomes ACTIVE' until_ok 60 status_is demo ACTIVE
check 'it answers SSH again' until_ok 180 in_guest "$fip" true
check 'reboot --hard' os server reboot --hard --wait demo
check 'it answers SSH after the reboot' until_ok 180 in_guest "$fip" true

echo "  security groups and spoofing"
check 'ping is taken out of the group' os security group rule delete "$(os security group rule list demo --protocol icmp --ingress -f value -c ID | head -1)"
check 'ping is blocked' until_ok 20 not pings "$fip"
check 'SSH still works' in_guest "$fip" true
check 'ping is allowed again' os security group rule create --protocol icmp --ingress demo
check 'ping works again' until_ok 20 pings "$fip"
check 'a false source address goes nowhere' in_guest "$fip" \
  'ip addr add 10.0.0.99/24 dev eth0; ! ping -c 1 -W 2 -I 10.0.0.99 10.0.0.1; s=$?; ip addr del 10.0.0.99/24 dev eth0; exit $s'

echo "  two guests, two projects' networks"
check 'a second guest, with a config drive' os server create --image pileus-test --flavor m1.nano --network private --security-group demo \
  --key-name demo --config-drive true --wait second
check 'a guest in another network' os server create --image pileus-test --flavor m1.nano --network net2 --security-group demo --key-name demo --wait other
second=$(os server show second -f json -c addresses | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["addresses"]["private"][0])')
other=$(os server show other -f json -c addresses | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["addresses"]["net2"][0])')
check 'guests of one network reach each other' until_ok 180 in_guest "$fip" "ping -c 1 -W 2 $second"
refuse 'guests of different networks do not' in_guest "$fip" "ping -c 1 -W 2 $other"
check 'the config drive was read' until_ok 180 sh -c "/usr/bin/python3 /usr/bin/openstack console log show second | grep -q 'metadata source: .*config'"

echo "  the control plane goes away and comes back"
check 'down' ./pileus down --data "$data"
check 'the guest still answers' pings "$fip"
check 'and SSH works without a control plane' in_guest "$fip" true
check 'up again' ./pileus up --data "$data" --detach
check 'the guest is found again' until_ok 60 status_is demo ACTIVE

echo "  everything away"
for server in demo second other; do check "delete $server" os server delete --wait "$server"; done
check 'no server is left' equals "$(os server list --all-projects -f value -c ID)" ''
check 'no guest port is left' equals "$(os port list --device-owner compute:nova -f value -c ID)" ''
check 'no allocation is left' equals "$(os hypervisor stats show -f value -c vcpus_used 2>/dev/null || echo 0)" 0
check 'no guest file is left' equals "$(ls "$data/agent/guests" 2>/dev/null)" ''
check 'down --purge' ./pileus down --data "$data" --purge
check 'nothing of the cloud is left on the host' equals "$(ours)" "$before"
check 'its folder is gone' test ! -e "$data"

for name in "${failures[@]:-}"; do [ -n "$name" ] && echo "  failed: $name"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
