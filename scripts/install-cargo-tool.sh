#!/usr/bin/env bash
# Builds a tool of cargo's in a pinned version into target/tools/cargo, where it is not there yet:
# install-cargo-tool.sh CRATE VERSION. Hardly optimised: it runs for seconds, but takes minutes to build well.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${CARGO_TARGET_DIR:-target}/tools/cargo
mkdir -p "$root"
if grep -qs "\"$1 $2 " "$root/.crates2.json"; then
  exit 0
fi
CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
  cargo install --quiet --locked --root "$root" --version "=$2" "$1"
