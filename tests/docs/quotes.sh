#!/usr/bin/env bash
# quotes.sh ROOT: every C++ block in README.md and docs/ that follows a line `<!-- FILE -->` stands in FILE, line by line
# but for its indentation; every other C++ block is a mistake, so that no code in the docs goes uncompiled.
set -euo pipefail
cd "$1"
status=0 quotes=0
strip() { sed 's/^[[:space:]]*//; s/[[:space:]]*$//'; }
for page in README.md docs/*.md; do
    source='' block='' inside=0 number=0
    while IFS= read -r line || [[ -n $line ]]; do
        ((++number))
        if [[ $inside == 1 && $line == '```' ]]; then
            inside=0
            if [[ -z $source ]]; then
                echo "$page:$number: C++ that no <!-- FILE --> names the source of"; status=1
            elif [[ ! -f $source ]]; then
                echo "$page:$number: there is no $source"; status=1
            else
                quote=$(strip <<<"${block%$'\n'}") whole=$(strip <"$source")
                ((++quotes))
                [[ $'\n'$whole$'\n' == *$'\n'"$quote"$'\n'* ]] || { echo "$page:$number: the block is not in $source as it stands"; status=1; }
            fi
            source=''
        elif [[ $inside == 1 ]]; then
            block+=$line$'\n'
        elif [[ $line == '```cpp' ]]; then
            inside=1 block=''
        elif [[ $line =~ ^'<!-- '([^ ]+)' -->'$ ]]; then
            source=${BASH_REMATCH[1]}
        elif [[ -n $line ]]; then
            source=''
        fi
    done <"$page"
done
echo "$quotes blocks quoted"
((quotes > 0)) || status=1
exit "$status"
