# The door to everything: people and CI call the same targets. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/splitvault
export CARGO_TARGET_DIR ?= $(CACHE)/target
# setup may have put a Go or Rust toolchain here on a machine that had none
export PATH := $(HOME)/.cargo/bin:$(CACHE)/go/bin:/usr/local/go/bin:$(PATH)

.PHONY: help setup fmt lint unit chart e2e test demo bench cluster-up cluster-down cluster-status install generate

help: ## Show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing: Debian packages, Go, Rust (root, network)
	@tests/cluster/setup

fmt: ## Format the Rust code
	cargo fmt --all

lint: setup ## rustfmt, clippy, shellcheck
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	shellcheck --external-sources --source-path=SCRIPTDIR $$(grep -rlE '^#!/usr/bin/env bash' tests .ci)

unit: setup ## Unit, property, vector and server tests; no cluster
	cargo test-all

chart: cluster-up ## The chart and the CRDs against Helm's linter and the API server's schemas
	tests/chart/run

e2e: cluster-up ## End-to-end suites on the local cluster (or on KUBECONFIG)
	tests/e2e/run

test: lint unit chart e2e ## Everything that CI runs

demo: cluster-up ## Main job: cluster, install, seal, inject, show what each part holds
	tests/demo

bench: cluster-up ## The figures of docs/benchmarks.md
	tests/bench

cluster-up: setup ## Start the local Kubernetes cluster (builds it the first time)
	@tests/cluster/up

cluster-down: ## Stop the local cluster and clean up
	@tests/cluster/down

cluster-status: ## Say what of the local cluster runs
	@tests/cluster/status

install: cluster-up ## Put images and chart of this working tree into the cluster
	@tests/cluster/install

generate: ## Write the generated files: CRDs, their copy in the chart
	for kind in vaultsecrets vaultrequests; do \
	  cargo run -q -p splitvault-api --example crd $$kind > crds/splitvault.dev_$$kind.yaml && \
	  cp crds/splitvault.dev_$$kind.yaml charts/splitvault/files/ || exit 1; \
	done
