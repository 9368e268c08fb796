#!/usr/bin/env bash
# Builds the image of the Dockerfile and runs it as it is meant to be run: as a user without rights, on a read-only file
# system, with the admin port open to who has the token.
#
#   deploy/image-test.sh BINARY
#
# No image registry is asked. What the program runs on is made of Debian packages; the build stage is replaced by BINARY,
# which was built outside; everything from the Dockerfile's second stage on is built as it stands. Namespaces are not needed
# to build (`--isolation chroot`). Where podman can't run a container, the test says so and fails.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=$(realpath "$1")
work=${CARGO_TARGET_DIR:-target}/image-test
mkdir -p "$work"
work=$(realpath "$work")
context=$work/context
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
engine=(--cgroup-manager cgroupfs)
image=localhost/larder-test
container=larder-test-$$

cleanup() {
  podman "${storage[@]}" rm -f -t 0 "$container" >/dev/null 2>&1 || true
  [ -z "${shop:-}" ] || kill "$shop" 2>/dev/null || true
  # The layers belong to users that only the storage knows.
  podman "${storage[@]}" rmi -a -f >/dev/null 2>&1 || true
  rm -rf "$context"
}
trap cleanup EXIT

fail() {
  echo "error: $*" >&2
  podman "${storage[@]}" logs "$container" 2>&1 | tail -20 >&2 || true
  exit 1
}

if [ ! -e "$work/base.tar" ]; then
  echo "making a base of Debian packages"
  # As the base that the Dockerfile names: a C library, certificates, no shell.
  mmdebstrap --quiet --format=tar --variant=extract --include=base-files,libc6,libgcc-s1 \
    --customize-hook='mkdir -p "$1/etc/ssl/certs" && cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"' \
    --customize-hook='printf "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n" >"$1/etc/passwd"' \
    bookworm "$work/base.tar.part"
  mv "$work/base.tar.part" "$work/base.tar"
fi

# The stage `build` is not run; but each file of ours that the program was built from must be in its context.
if [ -e "$binary.d" ]; then
  for file in $(sed 's/^[^:]*://' "$binary.d"); do
    [[ "$file" == "$PWD"/* ]] || continue
    file=${file#"$PWD"/}
    [ "${file%%/*}" = .git ] || grep -qxF "!${file%%/*}" .dockerignore || fail "the build's context lacks $file"
  done
fi

rm -rf "$context"
mkdir -p "$context/docker"
cp docker/proxy.toml "$context/docker/"
cp "$binary" "$context/larder"
cp "$work/base.tar" "$context/"
{
  echo 'FROM scratch AS base'
  echo 'ADD base.tar /'
  echo 'FROM scratch AS build'
  echo 'COPY larder /src/target/release/larder'
  sed -n '/^# ---- run:/,$p' Dockerfile | sed 's/^FROM ${RUN_IMAGE}/FROM base/'
} >"$context/Dockerfile"
buildah "${storage[@]}" bud --quiet --isolation chroot --format docker --tag "$image" "$context" >/dev/null
size=$(podman "${storage[@]}" image inspect --format '{{.Size}}' "$image")
echo "built: $((size / 1000000)) MB, user $(podman "${storage[@]}" image inspect --format '{{.Config.User}}' "$image")"

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

shop_port=$(free_port)
data=$(free_port)
admin=$(free_port)
python3 deploy/compose/shop.py "$shop_port" >/dev/null 2>&1 &
shop=$!

podman "${storage[@]}" "${engine[@]}" run --detach --name "$container" --read-only --read-only-tmpfs=false --cap-drop all \
  --security-opt no-new-privileges --network host --runtime runc --cgroups enabled --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
  --volume "$PWD/deploy/compose/rules:/etc/larder/rules:ro" \
  --env LARDER_UPSTREAM_SERVERS="http://127.0.0.1:$shop_port" --env LARDER_LISTEN_HTTP="0.0.0.0:$data" \
  --env LARDER_ADMIN_LISTEN="0.0.0.0:$admin" --env LARDER_ADMIN_TOKEN=s3cret \
  "$image" >/dev/null || fail "podman cannot run a container here"

status() { curl -s -o "$work/answer" -w '%{http_code}' "$@"; }
ready=no
for _ in $(seq 100); do
  if [ "$(status "http://127.0.0.1:$admin/readyz")" = 200 ]; then ready=yes && break; fi
  sleep 0.1
done
[ "$ready" = yes ] || fail "not ready within ten seconds"

product=http://127.0.0.1:$data/api/products/1
[ "$(status "$product")" = 200 ] || fail "no answer of the shop"
grep -q 'red shoes' "$work/answer" || fail "another answer than the shop's"
curl -si "$product" | grep -qi '^cache-status:.*hit' || fail "no hit"
[ "$(status "http://127.0.0.1:$admin/stats")" = 401 ] || fail "the admin API answers without the token"
[ "$(status -H 'Authorization: Bearer s3cret' "http://127.0.0.1:$admin/stats")" = 200 ] || fail "not even with it"
pid=$(podman "${storage[@]}" inspect --format '{{.State.Pid}}' "$container")
grep -qP '^Uid:\t65532\t65532\t' "/proc/$pid/status" || fail "not the user that the image names"
grep -qP '^CapEff:\t0+$' "/proc/$pid/status" || fail "it has capabilities"
awk '$5 == "/" { print $6 }' "/proc/$pid/mountinfo" | tail -1 | grep -qE '(^|,)ro(,|$)' || fail "the file system can be written"
podman "${storage[@]}" exec "$container" /usr/local/bin/larder healthcheck || fail "the health check fails"
podman "${storage[@]}" healthcheck run "$container" || fail "the image's own health check fails"
curl -s "http://127.0.0.1:$admin/metrics" -H 'Authorization: Bearer s3cret' | grep '^larder_build_info' || fail "no build"

# SIGTERM ends it within the ten seconds that `docker stop` waits.
podman "${storage[@]}" stop -t 10 "$container" >/dev/null || true
code=$(podman "${storage[@]}" inspect --format '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || fail "ended with $code"
echo "ran: hit, token, user, capabilities, read-only, health check, stop"
