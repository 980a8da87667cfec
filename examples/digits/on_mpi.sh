#!/usr/bin/env bash
# on_mpi.sh DIGITS_MPI LAUNCHER…: on two ranks the program DIGITS_MPI, started by LAUNCHER…, prints everything once, and refuses
# what is wrong with its input as digits does.
set -uo pipefail
program=$(realpath "$1")
shift
launcher=("$@")
scratch=$(mktemp --directory) || exit
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit
failures=0

# says CODE TEXT ARGS…: the job ends with CODE, and one line of all it prints has TEXT.
says() {
    local code=$1 text=$2 found times
    shift 2
    "${launcher[@]}" "$program" "$@" >output 2>&1
    found=$?
    times=$(grep --count --fixed-strings -e "$text" output)
    [[ $found == "$code" && $times == 1 ]] && return
    printf 'digits_mpi %s\n  expected: exit code %d, one line with: %s\n  found: exit code %d, %d such lines, in\n' "$*" "$code" "$text" \
        "$found" "$times"
    cat output
    ((++failures))
}

says 0 'ranks: 2' --epochs 1 --hidden 8
says 0 'Held-out accuracy' --epochs 1 --hidden 8
says 0 'Usage: ' --help
says 1 'digits_mpi: the accuracy' --epochs 1 --hidden 8 --require-accuracy 1
says 2 'digits_mpi: --epochs: ' --epochs 0
says 2 'digits_mpi: --ranks: the launcher says how many ranks there are, as in mpirun -np 3' --ranks 3
says 2 'digits_mpi: missing.csv: cannot be opened: No such file' --data missing.csv

((failures == 0))
