#!/usr/bin/env bash
# Makes what is released of the release build, in target/dist: the archive, the Debian package, the list of what is in them
# (SBOM, CycloneDX), and the checksums of all.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
dist=$target/dist
version=$("$target/release/larder" --version | cut -d ' ' -f 2)
name=larder-$version-$(uname -m)-linux

rm -rf "$dist"
mkdir -p "$dist"
deb=$(deploy/deb.sh)
scripts/install-cargo-tool.sh cargo-sbom 0.10.0
"$target/tools/cargo/bin/cargo-sbom" --cargo-package larder --output-format cyclone_dx_json_1_6 >"$dist/$name.cdx.json"

tree=$target/package/$name
mkdir -p "$tree"
cp "$target/release/larder" LICENSE README.md CHANGELOG.md "$tree/"
cp -r docs schema "$tree/"
cp -r "$target/package/etc/larder" "$tree/config"
cp -r "$target/package/man" "$target/package/completions" "$tree/"
cp -r deploy/systemd "$tree/"
# The same bytes from the same build: sorted, without the names and times of this machine.
tar -C "$target/package" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}" \
  -cf - "$name" | gzip -9n >"$dist/$name.tar.gz"
(cd "$dist" && sha256sum "$name.tar.gz" "$name.cdx.json" "$(basename "$deb")" >SHA256SUMS && sha256sum --quiet --check SHA256SUMS)

# What is in the archive must run, and be what it says.
tar -C "$target/package" -xzf "$dist/$name.tar.gz"
"$tree/larder" --version
(cd "$tree/config" && ../larder check)
ls -l "$dist"
