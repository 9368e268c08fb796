#!/usr/bin/env bash
# Installs the Python packages of a requirements file into target/tools/NAME: install-in-venv.sh NAME REQUIREMENTS. Does
# nothing where they are there in the pinned versions; safe to run from several processes at once.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1
requirements=$2
tools=${CARGO_TARGET_DIR:-target}/tools
home=$tools/$name
wanted=$(sha256sum "$requirements" | cut -d ' ' -f 1)

mkdir -p "$tools"
exec 9>"$tools/$name.lock"
flock 9

if [ -x "$home/bin/python" ] && [ "$(cat "$home/installed" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi
echo "installing $name into $home"
rm -rf "$home"
python3 -m venv "$home"
"$home/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
printf '%s' "$wanted" >"$home/installed"
