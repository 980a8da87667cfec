#!/usr/bin/env bash
# run.sh COMPILER INCLUDE PROGRAM WORK: PROGRAM compiles without a warning, returns 0 and prints the line its first comment says.
set -euo pipefail
compiler=$1 include=$2 program=$3 work=$4
command -v "$compiler" >/dev/null || { echo "$compiler is not installed"; exit 77; }
[[ -f $program ]] || { echo "skipped: there is no $program (TUTTI_ACCEPTANCE_DIR says where the acceptance programs are)"; exit 77; }

promised=$(sed -n 's|^//.*Prints: ||p' "$program" | sed 's| ([^()]*)$||')
[[ -n $promised ]] || { echo "$program: no comment says what it prints"; exit 1; }

binary=$work/$(basename "$program" .cpp).$compiler
"$compiler" -std=c++20 -O1 -Wall -Wextra -Wpedantic -Werror -pthread -I "$include" "$program" -o "$binary"
status=0
output=$("$binary") || status=$?
echo "$output"
((status == 0)) || { echo "returned $status"; exit 1; }
grep --quiet --line-regexp --fixed-strings -- "$promised" <<<"$output" || { echo "did not print: $promised"; exit 1; }
