#!/usr/bin/env bash
# Runs a command and says how long it took; where MINUTES_FILE names a file, a line is added there: seconds, a tab, what it was.
#
#   scripts/timed.sh WHAT COMMAND [ARGUMENT…]
set -uo pipefail
what=$1
shift
began=$EPOCHREALTIME
"$@"
status=$?
took=$(awk -v from="$began" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.0f", to - from }')
echo "took $took s: $what"
if [ -n "${MINUTES_FILE:-}" ]; then printf '%s\t%s\n' "$took" "$what" >>"$MINUTES_FILE"; fi
exit "$status"
