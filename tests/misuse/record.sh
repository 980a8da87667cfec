#!/usr/bin/env bash
# record.sh FILE COMMAND…: what COMMAND prints goes to FILE, and on its last line the exit code.
file=$1
shift
mkdir -p "${file%/*}"
"$@" >"$file" 2>&1
echo $? >>"$file"
