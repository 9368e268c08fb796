#!/usr/bin/env bash
# Makes what packages hold besides the program, in target/package: a first configuration, manual pages, completions. All of it
# is written by the program itself.
#
#   deploy/stage.sh BINARY
set -euo pipefail
binary=$(realpath "$1")
cd "$(dirname "$0")/.."
stage=${CARGO_TARGET_DIR:-target}/package

rm -rf "$stage"
mkdir -p "$stage/completions"
(cd "$stage" && "$binary" init --config etc/larder/proxy.toml && "$binary" check --config etc/larder/proxy.toml) >/dev/null
"$binary" man --out "$stage/man"
"$binary" completions bash >"$stage/completions/larder.bash"
"$binary" completions zsh >"$stage/completions/_larder"
"$binary" completions fish >"$stage/completions/larder.fish"
