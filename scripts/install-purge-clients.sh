#!/usr/bin/env bash
# Installs the clients of other caches' purge APIs, for tests/real_upstream/purge_clients.rs, into target/tools.
exec "$(dirname "$0")/install-in-venv.sh" purge-clients tests/real_upstream/purge-clients-requirements.txt
