#!/usr/bin/env bash
# Installs a public conformance suite for HTTP caches into target/tools, in a pinned version, and runs it against Larder.
#
#   conformance/run.sh [TEST_ID]
#
# With TEST_ID only that test runs, and its messages are shown. See run.mjs for the exit codes.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=http-cache-tests@0.4.5
suite_sha256=bde099a69b357a8779a797573906ff2b4c1912c394d1908dc4fbe78ac79de1fb
client=node-fetch@2.7.0
install_seconds_max=300

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
home=$target/tools/http-cache-tests
mkdir -p "$target/tools"

install_suite() {
  exec 9>"$target/tools/http-cache-tests.lock"
  flock 9
  if [ "$(cat "$home/installed" 2>/dev/null)" = "$suite $client" ]; then
    return
  fi
  echo "installing $suite for the conformance tests"
  rm -rf "$home"
  mkdir -p "$home"
  # Unpacked instead of installed: of all that it depends on, its tests need the client alone.
  local archive
  archive=$(cd "$home" && timeout "$install_seconds_max" npm pack --silent "$suite")
  echo "$suite_sha256  $home/$archive" | sha256sum --check --quiet
  tar -xzf "$home/$archive" -C "$home"
  timeout "$install_seconds_max" npm install --prefix "$home" --silent --no-save --no-audit --no-fund \
    --no-package-lock --ignore-scripts --omit=dev "$client"
  printf '%s' "$suite $client" >"$home/installed"
}

(install_suite)
cargo build --locked --quiet
exec node conformance/run.mjs "$home/package" "$target/debug/larder" "$target/conformance" "$@"
