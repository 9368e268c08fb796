#!/usr/bin/env bash
# What a hit costs: CPU time per request of Larder, by the kernel's own accounting, beside a bare responder that sends
# the same bytes. Servers run on core 0, the load on core 1; the two take turns, and medians are reported.
#
#   bench/hit.sh [SECONDS] [ROUNDS] [BODY_BYTES] [CONNECTIONS]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-5}
rounds=${2:-5}
body=${3:-1024}
connections=${4:-64}
target=${CARGO_TARGET_DIR:-target}
work=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

cargo build --locked --release --quiet --bin larder
cargo build --locked --release --quiet --manifest-path bench/tools/Cargo.toml --target-dir "$target"

# start NAME COMMAND…: runs it on core 0; its address goes to $work/NAME.address.
start() {
  local name=$1
  shift
  taskset -c 0 "$@" >"$work/$name.out" 2>"$work/$name.err" &
  servers+=($!)
  echo $! >"$work/$name.pid"
  for _ in $(seq 100); do
    grep -q '^listening on ' "$work/$name.out" && break
    kill -0 $! 2>/dev/null || { cat "$work/$name.err" >&2; exit 1; }
    sleep 0.1
  done
  sed -n 's/^listening on //p' "$work/$name.out" | head -n 1 >"$work/$name.address"
}

start responder "$target/release/responder" "$body"
cat >"$work/proxy.toml" <<TOML
rules = "rules.toml"
[listen]
http = "127.0.0.1:0"
[upstream]
servers = ["$(cat "$work/responder.address")"]
[admin]
listen = "127.0.0.1:0"
[log]
access = false
TOML
cat >"$work/rules.toml" <<'TOML'
[[route]]
name = "product"
path = "/api/products/{id}"
ttl = "1h"
compress = false
tags = ["product:{id}", "catalog"]
TOML
start larder "$target/release/larder" serve --config "$work/proxy.toml"

# cpu PID: nanoseconds on a processor so far, of all threads.
cpu() {
  cat /proc/"$1"/task/*/schedstat | awk '{sum += $1} END {printf "%.0f", sum}'
}

# round NAME: microseconds of CPU per request, and requests per second.
round() {
  local pid before after requests
  pid=$(cat "$work/$1.pid")
  before=$(cpu "$pid")
  taskset -c 1 wrk -t 1 -c "$connections" -d "${seconds}s" "$(cat "$work/$1.address")/api/products/42" >"$work/wrk.out"
  after=$(cpu "$pid")
  grep -E 'Non-2xx|Socket errors' "$work/wrk.out" >&2 && exit 1
  requests=$(sed -nE 's/^ *([0-9]+) requests in .*/\1/p' "$work/wrk.out")
  awk -v ns=$((after - before)) -v n="$requests" -v s="$seconds" 'BEGIN {printf "%.3f %.0f\n", ns / n / 1000, n / s}'
}

median() {
  sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}

# A hit must be one before it is measured.
url="$(cat "$work/larder.address")/api/products/42"
curl -s -o /dev/null "$url"
curl -s -o /dev/null -D - "$url" | grep -qi '^cache-status: larder; hit' || { echo "error: no hit at $url" >&2; exit 1; }

for number in $(seq "$rounds"); do
  for name in responder larder; do
    read -r micros rate < <(round "$name")
    echo "$micros" >>"$work/$name.micros"
    printf 'round %d  %-9s  %6.2f µs CPU per request  %7d requests/s\n' "$number" "$name" "$micros" "$rate"
  done
done
bare=$(median <"$work/responder.micros")
hit=$(median <"$work/larder.micros")
awk -v bare="$bare" -v hit="$hit" -v body="$body" -v c="$connections" 'BEGIN {
  printf "\n%d bytes, %d connections, medians: bare responder %.2f µs, Larder hit %.2f µs, ratio %.2f\n", body, c, bare, hit, hit / bare
}'
