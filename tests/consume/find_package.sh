#!/usr/bin/env bash
# find_package.sh SOURCE BUILD WORK: tutti is installed from BUILD to a prefix of its own, where another project finds it.
set -euo pipefail
here=$(dirname "$0") build=$2 work=$3
rm -rf "$work"

cmake --install "$build" --prefix "$work/prefix"
cmake -S "$here/find_package" -B "$work/build" -D CMAKE_PREFIX_PATH="$work/prefix"
cmake --build "$work/build"
"$work/build/consumer"
