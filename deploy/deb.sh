#!/usr/bin/env bash
# Makes the Debian package of the release build. Prints its path.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
scripts/install-cargo-tool.sh cargo-deb 3.8.0 >&2
deploy/stage.sh "$target/release/larder"
mkdir -p "$target/dist"
"$target/tools/cargo/bin/cargo-deb" --no-build --no-strip --output "$target/dist/" | tail -1
