#!/usr/bin/env bash
# Installs Datasette, the real API server of tests/real_upstream.rs, into target/tools.
exec "$(dirname "$0")/install-in-venv.sh" datasette tests/real_upstream/requirements.txt
