#!/usr/bin/env bash
# Installs Ariadne, the real GraphQL server of tests/real_upstream/graphql.rs, into target/tools.
exec "$(dirname "$0")/install-in-venv.sh" ariadne tests/real_upstream/graphql-requirements.txt
