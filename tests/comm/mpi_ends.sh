#!/usr/bin/env bash
# mpi_ends.sh LAUNCHER PROGRAM: however one rank fails, the job ends soon, by an error, and says why.
set -euo pipefail
launcher=$1 program=$2

expect() {
    local way=$1 words=$2 start=$SECONDS output
    if output=$(timeout 30 "$launcher" -np 3 "$program" "$way" 2>&1); then echo "$way: the job returned 0"; exit 1; fi
    ((SECONDS - start < 20)) || { echo "$way: took $((SECONDS - start)) s"; exit 1; }
    grep --quiet --fixed-strings -- "$words" <<<"$output" || { echo "$way: did not print: $words"; echo "$output"; exit 1; }
    sleep 0.5
    if pgrep --full "$program $way" >/dev/null; then echo "$way: left a rank behind"; pkill --full "$program $way"; exit 1; fi
}
expect throws 'tutti: rank 2 threw: the data are bad; this ends the job'
expect aborts 'tutti: rank 2 aborted: the data are bad; this ends the job'
expect waits 'tutti: all_reduce of 8 x float timed out on rank'
expect differs 'reduce of 9 x float'
