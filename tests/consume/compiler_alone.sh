#!/usr/bin/env bash
# compiler_alone.sh COMPILER INCLUDE WORK: two translation units that include all of tutti compile and link without a build system.
set -euo pipefail
compiler=$1 include=$2 work=$3
here=$(dirname "$0")
command -v "$compiler" >/dev/null || { echo "$compiler is not installed"; exit 77; }
mkdir -p "$work"

"$compiler" -std=c++20 -I "$include" -pthread "$here/main.cpp" "$here/other.cpp" -o "$work/consumer.$compiler"
"$work/consumer.$compiler"
