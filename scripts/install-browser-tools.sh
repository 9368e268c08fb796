#!/usr/bin/env bash
# Installs what drives a browser in tests/real_upstream/dashboard.rs into target/tools: Playwright (the browser is Debian's),
# and axe-core, which finds what keeps people from using a page. Safe to run from several processes at once.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-in-venv.sh browser tests/real_upstream/dashboard-requirements.txt

axe=axe-core@4.14.1
axe_sha256=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
install_seconds_max=300

tools=$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools
home=$tools/axe-core
exec 9>"$tools/axe-core.lock"
flock 9
[ "$(cat "$home/installed" 2>/dev/null)" != "$axe" ] || exit 0
echo "installing $axe into $home"
rm -rf "$home"
mkdir -p "$home"
archive=$(cd "$home" && timeout "$install_seconds_max" npm pack --silent "$axe")
echo "$axe_sha256  $home/$archive" | sha256sum --check --quiet
tar -xzf "$home/$archive" -C "$home"
printf '%s' "$axe" >"$home/installed"
