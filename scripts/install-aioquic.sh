#!/usr/bin/env bash
# Installs aioquic, the client of tests/http3.rs, into target/tools.
exec "$(dirname "$0")/install-in-venv.sh" aioquic tests/http3/requirements.txt
