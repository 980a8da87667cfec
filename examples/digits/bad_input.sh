#!/usr/bin/env bash
# bad_input.sh DIGITS CSV: the program DIGITS refuses what is wrong with its input by exit code 2 and a message on standard
# error that says where and what, before it trains; CSV holds what is right.
set -uo pipefail
digits=$(realpath "$1") good=$(realpath "$2")
scratch=$(mktemp --directory) || exit
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit
failures=0

# refuses MESSAGE ARGS…
refuses() {
    local message=$1 output code
    shift
    output=$("$digits" "$@" 2>errors)
    code=$?
    [[ $code == 2 && -z $output && $(<errors) == *"$message"* ]] && return
    printf 'digits %s\n  expected: exit code 2, nothing on standard output, a message with\n    %s\n' "$*" "$message"
    printf '  found: exit code %d, %d characters of output, the message\n    %s\n' "$code" ${#output} "$(<errors)"
    ((++failures))
}

# accepts ARGS…
accepts() {
    "$digits" --epochs 1 --hidden 8 "$@" >output 2>errors && return
    printf 'digits %s\n  expected: exit code 0\n  found: %s\n' "$*" "$(<errors)"
    ((++failures))
}

count='expected 65 numbers (64 pixels 0-16, then the label 0-9), found'
refuses 'missing.csv: cannot be opened: No such file' --data missing.csv
refuses '.: cannot be read: Is a directory' --data .
: >empty.csv
refuses 'empty.csv: expected at least 5 lines, so that every fifth can be held out, found 0' --data empty.csv
head --lines 4 "$good" >short.csv
refuses 'short.csv: expected at least 5 lines, so that every fifth can be held out, found 4' --data short.csv
head --lines 20 "$good" | head --bytes -20 >cut.csv
refuses "cut.csv:20: $count 58" --data cut.csv
head --lines 20 "$good" | head --bytes -2 >cut_at_label.csv
refuses "cut_at_label.csv:20: expected the label to be a whole number from 0 to 9, found ''" --data cut_at_label.csv
sed '17s/,[^,]*$//' "$good" >few.csv
refuses "few.csv:17: $count 64" --data few.csv
sed '17s/$/,1/' "$good" >many.csv
refuses "many.csv:17: $count 66" --data many.csv
sed '17s/^/\n/' "$good" >blank.csv
refuses "blank.csv:17: $count 0" --data blank.csv
lines=$(wc --lines <"$good")
{ cat "$good" && printf '\n\n'; } >two_blank.csv
refuses "two_blank.csv:$((lines + 1)): $count 0" --data two_blank.csv
sed '17s/^[0-9]*/17/' "$good" >pixel.csv
refuses "pixel.csv:17: expected pixel 1 of 64 to be a whole number from 0 to 16, found '17'" --data pixel.csv
sed '17s/^[0-9]*/-1/' "$good" >negative.csv
refuses "negative.csv:17: expected pixel 1 of 64 to be a whole number from 0 to 16, found '-1'" --data negative.csv
sed '17s/,[^,]*$/,10/' "$good" >label.csv
refuses "label.csv:17: expected the label to be a whole number from 0 to 9, found '10'" --data label.csv
sed '17s/$/ and more/' "$good" >garbage.csv
refuses "garbage.csv:17: expected the label to be a whole number from 0 to 9, found '" --data garbage.csv
head --bytes 4096 "$digits" >binary.csv
refuses "binary.csv:1: $count" --data binary.csv

for bad in '--ranks 0' '--batch -1' '--epochs 1.5' '--learning-rate nan' '--momentum 1' '--seed -1' '--draw maybe' \
    '--require-accuracy 96' '--hidden 0' '--accumulate 0'; do
    refuses "digits: ${bad% *}: " $bad
done
refuses "digits: --ranks: 'abc' is not a whole number from 1 to 1024" --ranks abc
refuses "digits: --seed: '-1' is not a whole number from 0 to " --seed -1
refuses "digits: --momentum: 'x' is not a number from 0 to " --momentum x
for bad in none 0 1025 99999999999 ''; do
    TUTTI_RANKS=$bad refuses "digits: TUTTI_RANKS: '$bad' is not a whole number from 1 to 1024" --epochs 1
done
refuses 'not expected: 2 --rank' --rank 2

# fails_on_full_disk CODE ARGS…: standard output that cannot be written is told, whatever else is.
fails_on_full_disk() {
    local code
    "$digits" --hidden 8 "$@" >/dev/full 2>errors
    code=$?
    [[ $code == 2 && $(<errors) == *'digits: standard output cannot be written'* ]] && return
    printf 'digits %s >/dev/full\n  expected: exit code 2, and a message\n  found: exit code %d, the message\n    %s\n' "$*" "$code" \
        "$(<errors)"
    ((++failures))
}
if [[ -c /dev/full ]]; then
    fails_on_full_disk --epochs 1
    fails_on_full_disk --epochs 1 --require-accuracy 1
    fails_on_full_disk --help
fi

sed 's/$/\r/' "$good" >windows.csv
accepts --data windows.csv
head --bytes -1 "$good" >no_last_line_end.csv
accepts --data no_last_line_end.csv
{ cat "$good" && printf '\n'; } >blank_last_line.csv
accepts --data blank_last_line.csv
{ cat windows.csv && printf '\r\n'; } >blank_last_line_windows.csv
accepts --data blank_last_line_windows.csv
TUTTI_RANKS=2 accepts
TUTTI_RANKS=none accepts --ranks 1
accepts --help

# What fails for its accuracy prints the results first.
"$digits" --epochs 1 --hidden 8 --require-accuracy 1 >both 2>&1
if [[ $? != 1 || $(tail --lines 1 both) != 'digits: the accuracy '*' is below the required 1.0000' ]]; then
    printf 'digits --require-accuracy 1\n  expected: exit code 1, the accuracy in the last line\n  found: %s\n' "$(tail --lines 1 both)"
    ((++failures))
fi

((failures == 0))
