# The front door. Each target installs what it needs beyond cargo and make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
# Says how long a part took; .ci/run collects that.
TIMED := @scripts/timed.sh

FUZZ_SECONDS ?= 30
SEEDS ?= 1000
BENCH_SECONDS ?= 5
BENCH_ROUNDS ?= 5
PEERS_SECONDS ?= 4
PEERS_ROUNDS ?= 3
SHOP_SECONDS ?= 90
SHOP_USERS ?= 1000 1500
SHOP_OPTIONS ?=
SOAK_MINUTES ?= 10
SOAK_RATE ?= 600

.PHONY: help demo test test-all simulate conformance lint licenses advisories fuzz bench bench-parts bench-fleet bench-whole bench-peers bench-shop bench-smoke bench-snapshot try-graphql-shop rolling soak minutes prerequisites release-build image-test deb deb-test deploy-test release

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

prerequisites: ## Install what a build needs (C compiler, cmake)
	@scripts/install-prerequisites.sh build

demo: prerequisites ## Run the sample shop API with Larder in front of it
	cargo run --locked --quiet -- demo

test: ## Pass every test but the slow ones: unit, scenario, fleet, real upstream, documentation, conformance
	@scripts/install-prerequisites.sh build test
	@scripts/install-datasette.sh
	@scripts/install-django.sh
	@scripts/install-ariadne.sh
	@scripts/install-aioquic.sh
	$(TIMED) 'building the tests' cargo nextest run --locked --lib --bins --tests --no-run
	$(TIMED) 'tests' cargo nextest run --locked --lib --bins --tests --no-fail-fast
	$(TIMED) 'examples in the documentation' cargo test --locked --doc --quiet
	$(TIMED) 'the public suite for HTTP caches' $(MAKE) --no-print-directory conformance

test-all: ## Pass every test: those of `make test`, fuzzing, and a smoke run of the benchmarks beside other caches
	$(MAKE) --no-print-directory test
	$(TIMED) 'fuzzing' $(MAKE) --no-print-directory fuzz
	$(TIMED) 'smoke run of the benchmarks' $(MAKE) --no-print-directory bench-smoke

simulate: prerequisites ## Run a fleet in virtual time through SEEDS seeds of chance and trouble
	LARDER_SEEDS=$(SEEDS) cargo test --locked --lib simulation::tests::invariants

minutes: ## Write how long each part of the last .ci/run took into CONTRIBUTING.md
	scripts/minutes.py $(TARGET)/minutes.tsv

conformance: ## Run a public suite of tests for HTTP caches against Larder
	@scripts/install-prerequisites.sh build conformance
	@conformance/run.sh

lint: licenses ## Check formatting, lints, the house rules, and what dependencies may be
	@scripts/install-prerequisites.sh build
	cargo fmt --all --check
	cargo clippy --locked --all-targets --quiet -- -D warnings
	cargo clippy --locked --quiet -- -D warnings
	cargo test --locked --quiet --test tidy
	cargo fmt --manifest-path bench/tools/Cargo.toml --check
	cargo clippy --locked --manifest-path bench/tools/Cargo.toml --target-dir $(TARGET) --quiet -- -D warnings
	cargo fmt --manifest-path bench/shop/Cargo.toml --all --check
	cargo clippy --locked --manifest-path bench/shop/Cargo.toml --workspace --all-targets --quiet -- -D warnings
	@cargo metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 >/dev/null || \
	  { echo 'hint: after a change of dependencies run: cargo metadata --manifest-path fuzz/Cargo.toml' >&2; exit 1; }

licenses: ## Check the licenses and sources of all dependencies, and that none is banned
	@scripts/install-prerequisites.sh build lint
	@scripts/install-cargo-deny.sh
	@$(TARGET)/tools/cargo-deny/bin/cargo-deny --locked check bans licenses sources

advisories: ## Ask a public database for known vulnerabilities of dependencies (needs a network)
	@scripts/install-prerequisites.sh build lint
	@scripts/install-cargo-deny.sh
	@$(TARGET)/tools/cargo-deny/bin/cargo-deny --locked check advisories

fuzz: ## Run each fuzz target for FUZZ_SECONDS
	@scripts/install-prerequisites.sh build
	@scripts/fuzz.sh $(FUZZ_SECONDS)

bench: bench-parts bench-fleet bench-whole ## Measure the hot path's parts, what a fleet costs, and a whole hit

bench-parts: prerequisites ## Measure the hot path's parts with criterion
	cargo bench --locked --bench hot_path

bench-fleet: ## Measure hits from Redis, and purges
	@scripts/install-prerequisites.sh build bench
	cargo bench --locked --bench fleet

bench-whole: ## Measure a hit's CPU time beside a bare responder, under wrk
	@scripts/install-prerequisites.sh build bench
	bench/hit.sh $(BENCH_SECONDS) $(BENCH_ROUNDS)

bench-peers: ## Measure Larder beside nginx, Varnish, HAProxy, Traffic Server and Squid (about half an hour)
	@scripts/install-prerequisites.sh build peers plots
	bench/peers/run.py --seconds $(PEERS_SECONDS) --rounds $(PEERS_ROUNDS)

bench-shop: ## Load a sample shop: directly, through Larder, with Redis, warmed from a log
	@scripts/install-prerequisites.sh build shop plots
	python3 -B bench/shop/run.py --seconds $(SHOP_SECONDS) --users $(SHOP_USERS) $(SHOP_OPTIONS)

try-graphql-shop: ## Try Larder before Vendure, a real GraphQL shop: shoppers, carts, orders, and staff who change products (some minutes)
	@scripts/install-prerequisites.sh build graphql-shop
	@scripts/install-vendure.sh
	cargo build --locked --release --bin larder
	python3 -B bench/graphql_shop/run.py --document docs/graphql.md

bench-snapshot: ## Measure how fast a snapshot of 1 GiB is read, and what requests notice of it
	@scripts/install-prerequisites.sh build peers
	cargo build --locked --release --bin larder
	cargo build --locked --release --quiet --manifest-path bench/tools/Cargo.toml --target-dir $(TARGET)
	bench/snapshot/run.py --document docs/endurance.md

rolling: ## Restart two instances in turn under load, ten times; no request may fail (about a minute and a half)
	@scripts/install-prerequisites.sh build peers
	cargo build --locked --release --bin larder
	bench/rolling/run.py --write bench/runs/rolling.json --document docs/endurance.md

soak: ## Load two instances with mixed traffic and trouble for SOAK_MINUTES (default 10), and judge what came of it
	@scripts/install-prerequisites.sh build soak plots
	cargo build --locked --release --bin larder
	bench/soak/run.py --minutes $(SOAK_MINUTES) --rate $(SOAK_RATE)

bench-smoke: ## Show in seconds that both benchmarks work; measures nothing
	@scripts/install-prerequisites.sh build peers shop plots
	python3 -m bench.tests
	bench/peers/run.py --smoke
	python3 -B -m unittest discover --quiet -t . -s bench/shop/tests
	cargo test --locked --quiet --manifest-path bench/shop/Cargo.toml
	python3 -B bench/shop/run.py --smoke

# One release build serves image, package and release. LARDER_REVISION names the revision where there is no git.
release-build: prerequisites
	cargo build --release --locked --bin larder

image-test: release-build ## Build the image from the release build and run it: read-only, as a user without rights
	@scripts/install-prerequisites.sh image
	deploy/image-test.sh $(TARGET)/release/larder

deb: release-build ## Make the Debian package, into target/dist
	@deploy/deb.sh

deb-test: release-build ## Install the Debian package in a fresh Debian, run it, remove it
	@scripts/install-prerequisites.sh deb
	deploy/deb-test.sh "$$(deploy/deb.sh)"

deploy-test: release-build ## Check manifests, chart, compose.yaml and the systemd unit
	@scripts/install-prerequisites.sh lint
	deploy/test.sh $(TARGET)/release/larder

release: release-build ## Make archive, Debian package, SBOM and checksums, into target/dist
	@deploy/release.sh
