#!/usr/bin/env bash
# Builds the fuzz targets with the pinned stable toolchain and runs each for a while, two at a time.
#
#   scripts/fuzz.sh SECONDS [TARGET…]
#
# A finding is written to target/fuzz/artifacts/TARGET and fails the run. New inputs go to target/fuzz/corpus/TARGET;
# the seeds under fuzz/corpus are read and left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?how many seconds each target runs}
shift
work=${CARGO_TARGET_DIR:-target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')

# What libFuzzer needs of the compiler: counters on every edge and a trace of comparisons. The target is named so that
# build scripts and procedural macros, which run here and now, are built without them.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
cargo build --locked --quiet --manifest-path fuzz/Cargo.toml --target-dir "$work" --target "$host"

if [ $# -gt 0 ]; then targets=("$@"); else mapfile -t targets < <(ls fuzz/targets | sed 's/\.rs$//'); fi

run() {
  local target=$1
  local log=$work/$target.log
  mkdir -p "$work/corpus/$target" "$work/artifacts/$target"
  if RUST_BACKTRACE=0 "$work/$host/debug/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
    -print_final_stats=1 -artifact_prefix="$work/artifacts/$target/" \
    "$work/corpus/$target" "fuzz/corpus/$target" >"$log" 2>&1; then
    # The last status line tells the edges covered; the statistics tell the runs.
    printf 'fuzz %-18s ok    %s runs, %s edges\n' "$target" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
      "$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | cut -d ' ' -f 2)"
  else
    printf 'fuzz %-18s FAILED\n' "$target"
    tail -n 25 "$log"
    return 1
  fi
}

failed=0
running=()
for target in "${targets[@]}"; do
  run "$target" &
  running+=($!)
  if [ "${#running[@]}" -ge 2 ]; then
    wait "${running[0]}" || failed=1
    running=("${running[@]:1}")
  fi
done
for process in "${running[@]}"; do wait "$process" || failed=1; done
[ "$failed" -eq 0 ] || { echo "fuzz: a target failed" >&2; exit 1; }
echo "fuzz: ${#targets[@]} targets, ${seconds} s each, no finding"
