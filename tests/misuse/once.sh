#!/usr/bin/env bash
# once.sh COMPILER INCLUDE FOLDER: compiles tutti/tutti.hpp for check.sh, to FOLDER/COMPILER/once.hpp.gch.
set -euo pipefail
compiler=$1 include=$2 once=$3/$1/once.hpp
command -v "$compiler" >/dev/null || { echo "$compiler is not installed"; exit 77; }

mkdir -p "${once%/*}"
echo '#include <tutti/tutti.hpp>' >"$once"
"$compiler" -std=c++20 -pthread -I "$include" -x c++-header "$once" -o "$once.gch"
