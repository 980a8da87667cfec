#!/usr/bin/env bash
# check.sh COMPILER INCLUDE FOLDER SOURCE: SOURCE makes one mistake. Its first line reads `// expects: SENTENCE`.
# As it stands it must not compile, and the first error must be tutti's and hold SENTENCE. With -DRIGHT, which mends the
# mistake and nothing else, it must compile without a warning: so the mistake alone is what fails.
# Its second line may read `// needs: HEADER`, of another library, without which it is skipped.
# Where it includes tutti/tutti.hpp, as the headers beside it do, that is taken as once.sh COMPILER INCLUDE FOLDER has compiled it.
set -euo pipefail
compiler=$1 include=$2 once=$3/$1/once.hpp source=$4
command -v "$compiler" >/dev/null || { echo "$compiler is not installed"; exit 77; }

expected=$(sed -n '1s|^// expects: ||p' "$source")
[[ -n $expected ]] || { echo "$source: the first line is not '// expects: SENTENCE'"; exit 1; }
compile=("$compiler" -std=c++20 -fsyntax-only -pthread -I "$include" "$source")
needed=$(sed -n '2s|^// needs: ||p' "$source")
if [[ -n $needed ]]; then
    compile+=(-isystem /usr/local/cuda/include)
    "$compiler" -std=c++20 -fsyntax-only -isystem /usr/local/cuda/include -include "$needed" -x c++ /dev/null 2>/dev/null ||
        { echo "needs $needed"; exit 77; }
fi
! grep -qE '^#include ("[a-z]+.hpp"|<tutti/tutti.hpp>)' "$source" || compile+=(-include "$once")

if output=$("${compile[@]}" 2>&1); then
    echo "compiles, but must not"
    exit 1
fi
first=$(grep --max-count=1 'error:' <<<"$output" || true)
if [[ $first != *tutti:* || $first != *"$expected"* ]]; then
    printf 'expected: %s\nfound:    %s\n\n%s\n' "$expected" "$first" "$output"
    exit 1
fi
echo "$first"

# One compiler is enough to tell that what was mended was the mistake; this one is faster.
if [[ $compiler == clang++ ]] || ! command -v clang++ >/dev/null; then
    "${compile[@]}" -DRIGHT -Wall -Wextra -Werror || { echo "with -DRIGHT it must compile without a warning"; exit 1; }
fi
