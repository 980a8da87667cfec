#!/usr/bin/env bash
# Runs an MPI program over hosts that it makes of network namespaces. `hosts.sh --help` says how.
set -uo pipefail

help() {
    cat <<'TEXT'
usage: hosts.sh [OPTIONS] [--] PROGRAM [ARGS…]

Makes hosts of network namespaces, each with a name and an address of its own, on one switch by links of limited rate; runs
PROGRAM on ranks of all of them by Open MPI's mpirun; exits as that does. Ranks are numbered host by host.

  --hosts N           how many, 1 to 250 [4]
  --ranks R           of each host [2]
  --rate RATE         of each link, each way, in the words of tc, such as 100mbit; or unlimited [1gbit]
  --mpirun LAUNCHER   that of the Open MPI that PROGRAM was compiled with [mpirun.openmpi, else mpirun]
  --traffic           say in the end how many bytes each host has sent and received, those of starting and ending the job too

PROGRAM finds N, R and RATE in TUTTI_HOSTS, TUTTI_RANKS_PER_HOST and TUTTI_LINK_RATE; the link of each host is eth0.

Needs ip and tc (package iproute2), and the right to make namespaces: as root, or where anybody may. Where something is missing
it says so in one line and exits with 77. The hosts live in namespaces that no other process sees and that end with this script,
however it ends: nothing has to be removed, and any number of runs may go on side by side.
TEXT
}

fail() {
    printf 'hosts.sh: %s\n' "$*" >&2
    exit 2
}
skip() {
    printf 'hosts.sh: skipped: %s\n' "$*" >&2
    exit 77
}

hosts=4 ranks=2 rate=1gbit launcher='' traffic=''
while (($#)); do
    case $1 in
        --hosts | --ranks | --rate | --mpirun) (($# > 1)) || fail "$1 needs a value" ;;&
        --hosts) hosts=$2; shift 2 ;;
        --ranks) ranks=$2; shift 2 ;;
        --rate) rate=$2; shift 2 ;;
        --mpirun) launcher=$2; shift 2 ;;
        --traffic) traffic=yes; shift ;;
        --help | -h) help; exit ;;
        --) shift; break ;;
        -*) fail "no option '$1'; --help lists them" ;;
        *) break ;;
    esac
done
(($#)) || fail 'no PROGRAM to run; --help says how'
[[ $hosts =~ ^[1-9][0-9]{0,2}$ ]] && ((hosts <= 250)) || fail "--hosts $hosts is no number from 1 to 250"
[[ $ranks =~ ^[1-9][0-9]{0,3}$ ]] || fail "--ranks $ranks is no number from 1 to 9999"
[[ $rate == unlimited || $rate =~ ^[1-9][0-9]*[kmgt]?bit$ ]] || fail "--rate $rate is neither a rate such as 100mbit nor unlimited"

# Outside: starts itself again in namespaces of its own, which the kernel removes with the last process in them.
if [[ ${TUTTI_HOSTS_INSIDE:-} != yes ]]; then
    PATH=$PATH:/usr/sbin:/sbin
    for tool in ip tc; do command -v "$tool" >/dev/null || skip "$tool is missing: install iproute2"; done
    : "${launcher:=$(command -v mpirun.openmpi || command -v mpirun)}"
    [[ -n $launcher ]] || skip 'mpirun of Open MPI is missing'
    [[ $("$launcher" --version 2>/dev/null) =~ 'Open MPI'|OpenRTE ]] || skip "$launcher is not Open MPI's"

    alone=(unshare --mount --net --uts --ipc --pid --fork --kill-child --mount-proc)
    ((EUID == 0)) || alone+=(--user --map-root-user)
    problem=$("${alone[@]}" mount -t tmpfs hosts /run 2>&1) || skip "namespaces may not be made here: ${problem##*$'\n'}"

    # unshare heeds no signal while it waits, so it is killed, and takes what it started along.
    trap '{ kill -KILL "$running"; wait; } 2>/dev/null' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    TUTTI_HOSTS_INSIDE=yes setpriv --pdeathsig KILL "${alone[@]}" "${BASH_SOURCE[0]}" --hosts "$hosts" --ranks "$ranks" \
        --rate "$rate" --mpirun "$launcher" ${traffic:+--traffic} -- "$@" <&0 &
    running=$!
    wait "$running"
    status=$?
    trap - EXIT
    exit "$status"
fi
unset TUTTI_HOSTS_INSIDE

# Inside. Files of the hosts, and those that Open MPI keeps, are apart from those of other runs.
for place in /run /dev/shm; do mount -t tmpfs hosts "$place" || fail "no memory for $place"; done
mkdir /run/netns /run/uts /run/tmp
export TMPDIR=/run/tmp TUTTI_HOSTS=$hosts TUTTI_RANKS_PER_HOST=$ranks TUTTI_LINK_RATE=$rate

make() {
    local problem
    problem=$("$@" 2>&1) || skip "hosts cannot be made here: $*: $problem"
}
shape() {    # shape HOST DEVICE
    [[ $rate == unlimited ]] || make tc -netns "$1" qdisc add dev "$2" root tbf rate "$rate" burst 128k limit 2500000
}
make ip netns add switch
make ip -n switch link add bridge type bridge
make ip -n switch link set bridge up
where=()
for ((k = 0; k < hosts; ++k)); do
    touch /run/netns/host$k /run/uts/host$k
    make unshare --net=/run/netns/host$k --uts=/run/uts/host$k hostname host$k
    make ip -n switch link add port$k type veth peer name eth0 netns host$k
    make ip -n switch link set port$k master bridge up
    make ip -n host$k address add 10.0.0.$((k + 1))/24 dev eth0
    make ip -n host$k link set lo up
    make ip -n host$k link set eth0 up
    shape host$k eth0
    shape switch port$k
    where+=("10.0.0.$((k + 1)):$ranks")
done

# What mpirun takes for ssh: runs a command on the host of an address.
cat >/run/on_host <<'TEXT'
#!/bin/sh
host=host$((${1##*.} - 1))
shift
exec nsenter --net=/run/netns/$host --uts=/run/uts/$host sh -c "$*"
TEXT
chmod +x /run/on_host

sum_up() {
    local k
    for ((k = 0; k < hosts; ++k)); do
        ip -n host$k -s link show dev eth0 | awk -v host=host$k '
            want { n[++count] = $1; want = 0 }
            $1 == "RX:" || $1 == "TX:" { want = 1 }
            END { printf "%s sent %d bytes, received %d\n", host, n[2], n[1] }' >&2
    done
}

# More ranks than cores: those that wait leave theirs to the others.
list=$(IFS=,; printf '%s' "${where[*]}")
nsenter --net=/run/netns/host0 --uts=/run/uts/host0 "$launcher" --allow-run-as-root --bind-to none --mca mpi_yield_when_idle 1 \
    --mca plm_rsh_agent /run/on_host --mca plm_rsh_no_tree_spawn 1 --mca oob_tcp_if_include 10.0.0.0/24 \
    --mca btl_tcp_if_include 10.0.0.0/24 --mca btl tcp,vader,self --mca pml ob1 -H "$list" "$@"
status=$?
[[ -z $traffic ]] || sum_up
exit "$status"
