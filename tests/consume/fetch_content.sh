#!/usr/bin/env bash
# fetch_content.sh SOURCE BUILD WORK: another project gets tutti by FetchContent from a repository that holds SOURCE as it stands.
set -euo pipefail
here=$(dirname "$0") source=$1 work=$3
command -v git >/dev/null || { echo "git is not installed"; exit 77; }
unset "${!GIT_@}"
rm -rf "$work"

# A commit of the working tree, so that what is tested is what is here, in a repository of its own, so that nothing here changes.
git init --quiet "$work/repository"
git --git-dir="$work/repository/.git" --work-tree="$source" add --all
git --git-dir="$work/repository/.git" -c user.name=tutti -c user.email=tutti@localhost -c commit.gpgSign=false \
    commit --quiet --message="The tree as it stands"

cmake -S "$here/fetch_content" -B "$work/build" -D TUTTI_REPOSITORY="$work/repository"
cmake --build "$work/build"
"$work/build/consumer"
