#!/usr/bin/env bash
# Checks what is deployed besides the image and the package: manifests, chart, compose.yaml, the systemd unit.
#
#   deploy/test.sh BINARY
set -euo pipefail
binary=$(realpath "$1")
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
scripts/install-in-venv.sh deploy deploy/requirements.txt
"$target/tools/deploy/bin/python" deploy/validate.py "$binary"

if command -v systemd-analyze >/dev/null; then
  # The unit names the place where the package puts the program.
  mkdir -p "$target/deploy-test"
  for unit in deploy/systemd/*; do
    sed "s#/usr/bin/larder#$binary#" "$unit" >"$target/deploy-test/$(basename "$unit")"
  done
  systemd-analyze verify --man=no "$target"/deploy-test/larder.*
  systemd-analyze security --offline=true --threshold=25 "$target/deploy-test/larder.service" | tail -1
else
  echo "the systemd unit was not checked: there is no systemd-analyze"
fi
