# Everything a developer or CI needs. `make demo` and `make test` do all their own set-up.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := target/release

.PHONY: help demo test test-rust test-moto build lint fmt schema clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: build $(VENV)/.ready ## Fill an emulated account, plan, delete, and prove that nothing in use went
	$(VENV)/bin/python tests/moto/demo.py --bin-dir $(BIN) --events-dir events

test: test-rust test-moto ## Run all tests

test-rust: build ## Unit tests, and everything against the simulated AWS
	cargo test --release --locked --workspace

test-moto: build $(VENV)/.ready ## The release binaries against moto, a third-party AWS emulator
	ECR_CLEANUP_BIN_DIR=$(BIN) $(VENV)/bin/python -m pytest -q tests/moto

# Everything at once: built apart, programs and tests would need their dependencies in two variants.
build: ## Build the function, the command and the tests
	cargo build --release --locked --workspace --all-targets

lint: ## Formatting, clippy with warnings as errors, dependency rules where cargo-deny is installed, Terraform formatting
	cargo fmt --all -- --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; \
	else echo "cargo-deny is not installed: dependency rules were not checked"; fi
	@if command -v terraform >/dev/null && [ -d infra/terraform ]; then terraform fmt -check -recursive infra/terraform; \
	else echo "nothing to check for terraform fmt"; fi

fmt: ## Format the code
	cargo fmt --all

schema: build ## Write the JSON Schema of the configuration again
	$(BIN)/ecr-cleanup schema > config.schema.json

clean: ## Remove everything that was built
	rm -rf target $(VENV)

$(VENV)/.ready: tests/moto/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement tests/moto/requirements.txt
	touch $@
