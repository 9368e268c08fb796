#!/usr/bin/env bash
# Installs Schemathesis, the tool of tests/real_upstream/admin_contract.rs, into target/tools.
exec "$(dirname "$0")/install-in-venv.sh" schemathesis tests/real_upstream/schemathesis-requirements.txt
