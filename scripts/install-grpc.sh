#!/usr/bin/env bash
# Installs grpcio, the real gRPC of tests/real_upstream/grpc.rs, into target/tools.
exec "$(dirname "$0")/install-in-venv.sh" grpc tests/real_upstream/grpc-requirements.txt
