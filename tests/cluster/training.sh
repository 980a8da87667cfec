#!/usr/bin/env bash
# training.sh DIGITS_MPI LAUNCHER: trained over 4 hosts with 2 ranks each, the demo comes to the losses of one rank, and to a good
# accuracy.
set -uo pipefail
program=$1 launcher=$2
here=$(dirname "$(readlink -f "$0")")
epochs=3

# train HOSTS RANKS: prints what the demo does.
train() {
    "$here/hosts.sh" --hosts "$1" --ranks "$2" --mpirun "$launcher" -- "$program" --epochs $epochs --batch 64 --require-accuracy 0.92
}
losses() { sed -n 's/^epoch .* loss \([0-9.]*\) .*/\1/p' <<<"$1"; }

spread=$(train 4 2) || exit
grep --quiet 'ranks: 8$' <<<"$spread" || { printf 'not on 8 ranks:\n%s\n' "$spread"; exit 1; }
alone=$(train 1 1) || exit
# Sums are rounded in another order.
paste <(losses "$spread") <(losses "$alone") | awk -v epochs=$epochs '
    { print "loss " $1 " on 4 hosts, " $2 " on one rank" }
    $1 < 0.99 * $2 || $1 > 1.01 * $2 { differs = 1 }
    END { if (NR != epochs || differs) { print "they differ"; exit 1 } }'
