#!/usr/bin/env bash
# Installs Datasette, the real API server of tests/real_upstream.rs, into target/tools. Does nothing where it is there
# in the pinned versions; safe to run from several processes at once.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=tests/real_upstream/requirements.txt
tools=${CARGO_TARGET_DIR:-target}/tools
home=$tools/datasette
wanted=$(sha256sum "$requirements" | cut -d ' ' -f 1)

mkdir -p "$tools"
exec 9>"$tools/datasette.lock"
flock 9

if [ -x "$home/bin/datasette" ] && [ "$(cat "$home/installed" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi
echo "installing Datasette for the real-upstream test"
rm -rf "$home"
python3 -m venv "$home"
"$home/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
printf '%s' "$wanted" >"$home/installed"
