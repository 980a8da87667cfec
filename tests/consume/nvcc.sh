#!/usr/bin/env bash
# nvcc.sh NVCC INCLUDE WORK: CUDA's compiler takes all of tutti without a warning.
set -euo pipefail
nvcc=$1 include=$2 work=$3
command -v "$nvcc" >/dev/null || { echo "$nvcc is not installed"; exit 77; }

mkdir -p "$work"
"$nvcc" -std=c++20 -x cu -Werror all-warnings -I "$include" -c "$(dirname "$0")/main.cpp" -o "$work/main.nvcc.o"
