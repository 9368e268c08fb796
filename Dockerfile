# syntax=docker/dockerfile:1

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
# Newer than what the placeholder left behind, whatever times the checkout has.
RUN find src -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --bin larder

# ---- run: the binary and its configuration, as a user with no rights ----------------------------------------------
FROM debian:bookworm-slim AS run
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin larder \
 && mkdir -p /etc/larder/rules
COPY --from=build /src/target/release/larder /usr/local/bin/larder
COPY docker/proxy.toml /etc/larder/proxy.toml
USER 10001
WORKDIR /etc/larder
EXPOSE 8080 9180
STOPSIGNAL SIGTERM
# Mount your own proxy.toml and rules folder over /etc/larder. The upstream is usually given at start:
#   docker run -p 8080:8080 -v ./rules:/etc/larder/rules:ro larder serve --upstream http://api:8000
ENTRYPOINT ["larder"]
CMD ["serve", "--config", "/etc/larder/proxy.toml"]
