#!/usr/bin/env bash
# Installs Vendure, the shop of bench/graphql_shop, into target/tools/vendure, in the versions of its lock file. About 400 MB;
# safe to run from several processes at once.
set -euo pipefail
cd "$(dirname "$0")/.."

project=bench/graphql_shop/vendure
install_seconds_max=900

tools=$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools
home=$tools/vendure
wanted=$(cat "$project/package.json" "$project/package-lock.json" | sha256sum | cut -d ' ' -f 1)

mkdir -p "$tools"
exec 9>"$tools/vendure.lock"
flock 9
[ "$(cat "$home/installed" 2>/dev/null)" != "$wanted" ] || exit 0
echo "installing Vendure into $home"
rm -rf "$home"
mkdir -p "$home"
cp "$project/package.json" "$project/package-lock.json" "$home"
timeout "$install_seconds_max" npm ci --prefix "$home" --silent --no-audit --no-fund --omit=dev
printf '%s' "$wanted" >"$home/installed"
