# syntax=docker/dockerfile:1

# What the program runs on: a C library, certificates of authorities and a user without rights; no shell, no package manager.
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# ---- build: the toolchain that rust-toolchain.toml pins -----------------------------------------------------------
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ gcc libc6-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock rust-toolchain.toml ./
# Dependencies alone first, so that a change of the source does not build them again. The benches that the manifest
# names must be there for cargo to read it; they are not built.
RUN mkdir -p src benches \
 && echo 'fn main() {}' | tee src/main.rs benches/hot_path.rs benches/fleet.rs >/dev/null \
 && touch src/lib.rs \
 && cargo build --release --locked --bin larder \
 && rm -rf src benches
COPY . .
# There is no git here: docker build --build-arg LARDER_REVISION="$(git rev-parse --short=12 HEAD)" .
ARG LARDER_REVISION
# Newer than what the placeholder left behind, whatever times the checkout has.
RUN find src build.rs -name '*.rs' -exec touch {} + \
 && LARDER_REVISION="$LARDER_REVISION" cargo build --release --locked --bin larder

# ---- run: the binary and its configuration, as a user with no rights ----------------------------------------------
FROM ${RUN_IMAGE} AS run
COPY --from=build /src/target/release/larder /usr/local/bin/larder
COPY docker/proxy.toml /etc/larder/proxy.toml
ENV LARDER_CONFIG=/etc/larder/proxy.toml
USER 65532:65532
WORKDIR /etc/larder
EXPOSE 8080 9180
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=10s CMD ["/usr/local/bin/larder", "healthcheck"]
# Nothing is written to the file system, so that it can be read-only:
#   docker run --read-only -p 8080:8080 -e LARDER_UPSTREAM_SERVERS=http://api:8000 -v ./rules:/etc/larder/rules:ro larder
ENTRYPOINT ["/usr/local/bin/larder"]
CMD ["serve"]
