#!/usr/bin/env bash
# ends.sh LAUNCHER: hosts.sh exits as what it runs, refuses what it does not understand, and leaves nothing behind however it ends.
set -uo pipefail
launcher=$1
hosts=("$(dirname "$(readlink -f "$0")")/hosts.sh" --mpirun "$launcher" --hosts 2)
output=$("${hosts[@]}" -- true 2>&1)
status=$?
((status == 0)) || { printf '%s\n' "$output"; exit "$status"; }
failures=0

# gives CODE TEXT ARGS…: hosts.sh exits with CODE and prints TEXT.
gives() {
    local code=$1 text=$2 found
    shift 2
    output=$("${hosts[@]}" "$@" 2>&1)
    found=$?
    [[ $found == "$code" && $output == *"$text"* ]] && return
    printf 'hosts.sh %s\n  expected: %d, %s\n  found: %d, %s\n' "$*" "$code" "$text" "$found" "$output"
    ((++failures))
}
gives 3 '' -- sh -c 'exit 3'
gives 0 'host1 sent' --traffic -- true
gives 2 "no option '--host'" --host 3 -- true
gives 2 '--ranks none' --ranks none -- true
gives 2 '--rate needs a value' --rate
gives 77 "is not Open MPI's" --mpirun true -- true

# ends SIGNAL CODE: by SIGNAL in the middle of a job it exits with CODE, and the job is gone.
ends() {
    local found left=0 pid ready
    ready=$(mktemp)
    "${hosts[@]}" -- sh -c "echo >>'$ready'; exec sleep 987.$$" &
    pid=$!
    until [[ $(wc --lines <"$ready") == 4 ]] || ! kill -0 $pid 2>/dev/null; do sleep 0.1; done
    rm "$ready"
    kill -"$1" $pid
    wait $pid 2>/dev/null
    found=$?
    for ((k = 0; k < 50; ++k)); do
        left=$(pgrep --count --full "sleep 987\.$$")
        ((left)) || break
        sleep 0.1
    done
    ((found == $2 && left == 0)) && return
    echo "hosts.sh, ended by $1: exit code $found, not $2; processes left: $left"
    ((++failures))
}
ends TERM 143
ends KILL 137

((failures == 0))
