#!/usr/bin/env bash
# Installs the Debian package in a fresh Debian, runs the service's command as its user, removes and purges it.
#
#   deploy/deb-test.sh PACKAGE.deb
#
# The Debian is a chroot made of Debian packages; there is no systemd running in it, so that the unit is checked by
# systemd-analyze outside (`make deploy-test`) and not started.
set -euo pipefail
package=$(realpath "$1")
cd "$(dirname "$0")/.."
work=${CARGO_TARGET_DIR:-target}/deb-test
mkdir -p "$work"
work=$(realpath "$work")
root=$work/root

fail() { echo "error: $*" >&2; exit 1; }
inside() { chroot "$root" "$@"; }
cleanup() {
  [ -z "${served:-}" ] || kill "$served" 2>/dev/null || true
  [ -z "${shop:-}" ] || kill "$shop" 2>/dev/null || true
  rm -rf "$root"
}
trap cleanup EXIT

if [ ! -e "$work/debian.tar" ]; then
  echo "making a Debian of packages"
  mmdebstrap --quiet --format=tar --variant=essential --include=ca-certificates,passwd,init-system-helpers bookworm "$work/debian.part"
  mv "$work/debian.part" "$work/debian.tar"
fi
rm -rf "$root"
mkdir -p "$root"
tar -C "$root" -xf "$work/debian.tar" --exclude='./dev/*'
: >"$root/dev/null"
cp "$package" "$root/larder.deb"

inside dpkg --install /larder.deb >"$work/install.log" 2>&1 || { cat "$work/install.log"; fail "dpkg cannot install it"; }
inside getent passwd larder | grep -q '/usr/sbin/nologin$' || fail "no user"
[ "$(inside id -u larder)" -lt 1000 ] || fail "the user is no system user"
inside larder --version
inside larder check --config /etc/larder/proxy.toml
for file in usr/share/man/man1/larder.1.gz usr/share/man/man1/larder-serve.1.gz usr/share/bash-completion/completions/larder \
  usr/share/zsh/vendor-completions/_larder usr/share/fish/vendor_completions.d/larder.fish lib/systemd/system/larder.service; do
  [ -e "$root/$file" ] || [ -e "$root/usr/$file" ] || [ -e "$root/${file%.gz}" ] || fail "no $file"
done
[ "$(stat -c %U:%a "$root/etc/larder/proxy.toml")" = root:644 ] || fail "the configuration is not root's"

# The service's own command, as its user.
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
shop_port=$(port)
data=$(port)
admin=$(port)
python3 deploy/compose/shop.py "$shop_port" >/dev/null 2>&1 &
shop=$!
variables=(LARDER_UPSTREAM_SERVERS="http://127.0.0.1:$shop_port" LARDER_LISTEN_HTTP="127.0.0.1:$data" LARDER_ADMIN_LISTEN="127.0.0.1:$admin")
chroot --userspec=larder:larder "$root" /usr/bin/env -i "${variables[@]}" \
  /usr/bin/larder serve --config /etc/larder/proxy.toml >"$work/serve.log" 2>&1 &
served=$!
for _ in $(seq 100); do
  if inside env "${variables[@]}" larder healthcheck --config /etc/larder/proxy.toml >/dev/null 2>&1; then ready=yes && break; fi
  sleep 0.1
done
[ "${ready:-}" = yes ] || { cat "$work/serve.log"; fail "not ready within ten seconds"; }
curl -sf --retry 20 --retry-delay 0 --retry-all-errors "http://127.0.0.1:$data/api/products/1" | grep -q 'red shoes' || fail "no answer of the shop"
kill -TERM "$served"
wait "$served" || fail "it ended with $?"
served=

# An operator's change outlives a removal, and nothing outlives a purge.
echo '# changed' >>"$root/etc/larder/proxy.toml"
inside dpkg --remove larder >/dev/null 2>&1 || fail "dpkg cannot remove it"
[ ! -e "$root/usr/bin/larder" ] || fail "the program is still there"
grep -q '# changed' "$root/etc/larder/proxy.toml" || fail "the configuration went with the removal"
inside dpkg --purge larder >/dev/null 2>&1 || fail "dpkg cannot purge it"
[ ! -e "$root/etc/larder" ] || fail "the configuration outlives a purge: $(ls -R "$root/etc/larder")"
echo "installed, run as its user, removed and purged"
