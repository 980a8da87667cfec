#!/usr/bin/env bash
# reference.sh ROOT WORK: Doxygen makes the reference of ROOT's headers and guides, in WORK, without a warning.
set -euo pipefail
root=$1 work=$2
version=$(doxygen --version 2>/dev/null) || { echo "doxygen is not installed"; exit 77; }
[[ $version == 1.9.* ]] || { echo "needs doxygen 1.9, whose warnings are those that are known; this is $version"; exit 77; }
mkdir -p "$work"
cd "$root"
{ cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $work"; } | doxygen -
