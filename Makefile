# Everything a developer or CI needs. `make demo` and `make test` do all their own set-up.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := target/release
PACKAGING := .venv-package
CHECKOV := .venv-checkov
TARGET_arm64 := aarch64-unknown-linux-gnu
TARGET_x86_64 := x86_64-unknown-linux-gnu

CHROMIUM ?= $(firstword $(shell command -v chromium chromium-browser google-chrome))
IN_BROWSER = npm ci --prefix tests/report --no-audit --no-fund --ignore-scripts && CHROMIUM=$(CHROMIUM) ECR_CLEANUP_BIN_DIR=$(BIN)

.PHONY: help demo check test test-rust test-moto test-infra test-cdk test-report build programs bench bench-quick mutants dashboard picture recording package check-package package-arm64 package-x86_64 terraform-module cloudformation cdk-package provider-schema sbom release-check book lint lint-book lint-workflows fmt schema clean

help: ## Show this list
	@grep -hE '^[a-z0-9_-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: programs ## Fill a simulated account, plan, delete, and prove that nothing in use was deleted; needs Rust alone
	$(BIN)/demo

check: ## What is decided, alone, while it is being changed: seconds, since nothing of AWS is built
	cargo test --locked --package ecr-cleanup-core --lib

# Those that wait for other programs run side by side.
test: test-rust $(VENV)/.ready ## Run all tests
	$(MAKE) --jobs=3 $(if $(filter output-sync,$(.FEATURES)),--output-sync) test-moto test-infra test-cdk test-report

test-rust: build ## Unit tests, and everything against the simulated AWS, the release binaries included
	cargo test --release --locked --workspace
	$(if $(KUBEBUILDER_ASSETS),cargo test --release --locked --workspace --test suite -- --ignored kubernetes::conformance)

test-moto: build $(VENV)/.ready ## The release binaries against moto, a third-party AWS emulator, for a second opinion
	ECR_CLEANUP_BIN_DIR=$(BIN) $(VENV)/bin/python -m pytest -q tests/moto

test-infra: build $(VENV)/.ready ## Terraform, applied to moto with the release binary; skipped where Terraform is not installed
	@command -v terraform >/dev/null || echo "SKIPPED: terraform is not installed, so the infrastructure is not tested"
	ECR_CLEANUP_BIN_DIR=$(BIN) $(VENV)/bin/python -m pytest -q tests/infrastructure --ignore tests/infrastructure/test_cdk.py --ignore tests/infrastructure/test_cloudformation.py

test-cdk: build $(VENV)/.ready ## The CDK construct, held equal to the Terraform module, and the templates made of it; skipped where npm or Terraform is not installed
	@if ! command -v npm >/dev/null || ! command -v terraform >/dev/null; then \
	echo "SKIPPED: npm or terraform is not installed, so the CDK construct is not tested"; exit; fi; \
	npm ci --prefix infra/cdk --no-audit --no-fund; \
	npm run --prefix infra/cdk build; \
	ECR_CLEANUP_BIN_DIR=$(BIN) $(VENV)/bin/python -m pytest -q tests/infrastructure/test_cdk.py tests/infrastructure/test_cloudformation.py

test-report: build ## The HTML report in a browser: look, search, keyboard, accessibility; skipped where npm or Chromium is not installed
	@if ! command -v npm >/dev/null || [ -z "$(CHROMIUM)" ]; then \
	echo "SKIPPED: npm or Chromium is not installed, so the HTML report is not tested in a browser"; exit; fi; \
	$(IN_BROWSER) node --test --test-reporter=spec tests/report/report.test.mjs

build: ## Build the function, the command and the tests
	cargo build --release --locked --workspace --all-targets

# tests/demo/tests/dependencies.rs holds that this and `build` need their dependencies in one and the same variant.
programs: ## Build the function and the command, and what the demo needs
	cargo build --release --locked --workspace --bins

dashboard: build $(VENV)/.ready ## Draw docs/dashboard.svg again, with what runs send
	$(VENV)/bin/python tests/infrastructure/draw_dashboard.py $(BIN) docs/dashboard.svg

picture: programs ## Draw docs/report.png again, the report of the demo; needs npm and Chromium, and is drawn with the font Inter where that is installed
	$(IN_BROWSER) node tests/report/draw.mjs docs/report.png

recording: programs $(VENV)/.ready ## Draw docs/demo.svg again: plan and run on the demo's account, as they look on a terminal
	$(VENV)/bin/pip install --quiet --requirement tests/demo/requirements.txt
	$(VENV)/bin/python tests/demo/record.py $(BIN) docs/demo.svg

bench: ## Measure the planner, whole runs and the function's start, each beside its bound: about half an hour, on a quiet machine
	cargo bench --locked --workspace --bench planner
	cargo bench --locked --workspace --bench whole_run

bench-quick: ## The same for the planner, the function's start and a team's account alone: a few minutes
	cargo bench --locked --workspace --bench planner
	cargo bench --locked --workspace --bench whole_run -- start team

mutants: ## Break the planner and the guards in every small way, and see that the core's own tests notice: an hour; needs cargo-mutants
	@command -v cargo-mutants >/dev/null || { echo "cargo-mutants is not installed: cargo install --locked cargo-mutants"; exit 1; }
	cargo mutants --package ecr-cleanup-core --output target

package: package-arm64 package-x86_64 ## Build the function's zips for arm64 and x86-64, reproducibly, with zig as the linker

# No path of this machine gets into the binary, and nothing but the function. It has a fixed address: a megabyte of relocations would be
# read and applied at each cold start otherwise.
package-arm64 package-x86_64: package-%: $(PACKAGING)/.ready
	if command -v rustup >/dev/null; then rustup target add $(TARGET_$*); fi
	PATH="$(CURDIR)/$(PACKAGING)/bin:$$PATH" \
	RUSTFLAGS="-C link-arg=-no-pie --remap-path-prefix=$(CURDIR)=/ecr-cleanup --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=/cargo" \
	cargo lambda build --profile dist --locked --target $(TARGET_$*) --lambda-dir target/lambda/$* --bin ecr-cleanup-lambda --no-default-features --features function
	$(PACKAGING)/bin/python infra/release/release.py zip target/lambda/$*/ecr-cleanup-lambda/bootstrap dist/ecr-cleanup-$*.zip

check-package: package programs $(VENV)/.ready ## Build the zips once more, from nothing, and compare; start both, arm64 under qemu-user where that is installed
	rm -rf target/first
	mv dist target/first
	rm -rf $(foreach architecture,arm64 x86_64,target/$(TARGET_$(architecture))/dist)
	$(MAKE) package
	diff -r target/first dist
	$(VENV)/bin/python -m pytest -q -rs tests/package

# What `--version` prints besides. Of releases alone, since any other build would be made again after each commit.
command-%: export ECR_CLEANUP_COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)

# Static where the target is Linux with musl; those of macOS are built on macOS.
command-%: $(PACKAGING)/.ready ## Build the command for a target, as an archive: make command-aarch64-unknown-linux-musl
	if command -v rustup >/dev/null; then rustup target add $*; fi
	PATH="$(CURDIR)/$(PACKAGING)/bin:$$PATH" \
	RUSTFLAGS="--remap-path-prefix=$(CURDIR)=/ecr-cleanup --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=/cargo" \
	cargo $(if $(findstring linux,$*),zigbuild,build) --profile dist --locked --target $* --bin ecr-cleanup --no-default-features --features command
	$(PACKAGING)/bin/python infra/release/release.py archive target/$*/dist/ecr-cleanup dist/ecr-cleanup-$*.tar.gz

terraform-module: ## Lay the Terraform module out as a repository of its own, in target/, and as an archive that Terraform takes by its address, in dist/
	python3 infra/release/terraform_module.py target/terraform-aws-ecr-cleanup
	python3 infra/release/release.py folder target/terraform-aws-ecr-cleanup dist/terraform-aws-ecr-cleanup.tar.gz

cloudformation: ## Make the templates for CloudFormation of the CDK construct, in dist/; needs npm
	npm ci --prefix infra/cdk --no-audit --no-fund
	npm run --prefix infra/cdk build
	node infra/cdk/cloudformation/templates.js dist

# Of the sources alone, and without links, which npm leaves out.
cdk-package: $(VENV)/.ready ## Make the npm package of the CDK construct by jsii, in dist/, install it elsewhere and synthesise with it; needs npm
	npm ci --prefix infra/cdk --no-audit --no-fund
	npm run --prefix infra/cdk build
	rm -rf target/cdk
	mkdir -p target/cdk/lib dist
	find infra/cdk/lib -name '*.ts' ! -name '*.d.ts' -exec cp {} target/cdk/lib/ \;
	cp -RL infra/cdk/shared infra/cdk/events infra/cdk/package.json infra/cdk/README.md LICENSE target/cdk/
	ln -s $(CURDIR)/infra/cdk/node_modules target/cdk/node_modules
	cd target/cdk && node_modules/.bin/jsii
	cd target/cdk && npm pack --pack-destination $(CURDIR)/dist
	$(VENV)/bin/python -m pytest -q -rs tests/package/test_cdk.py

# Of an npm package that is generated from the provider: as much of it as the module has resources of.
provider-schema: ## Write down again what version 6 of the AWS provider takes, which the Terraform module is compared with; needs npm
	rm -rf target/provider
	mkdir -p target/provider
	cd target/provider && npm pack --silent @cdktn/provider-aws@25.7.0 && tar -xzf *.tgz
	python3 tests/infrastructure/provider_schema.py target/provider/package \
	$$(cat infra/terraform/*.tf infra/terraform/*/*/*.tf | sed -nE 's/^resource "(aws_[a-z0-9_]+)".*/\1/p; s/^data "(aws_[a-z0-9_]+)".*/data.\1/p' | sort -u) \
	> tests/infrastructure/provider_6.json

sbom: ## List every dependency of what is shipped, as CycloneDX, in dist/; needs cargo-cyclonedx
	@command -v cargo-cyclonedx >/dev/null || { echo "cargo-cyclonedx is not installed: cargo install --locked cargo-cyclonedx"; exit 1; }
	cargo cyclonedx --format json --spec-version 1.5 --override-filename ecr-cleanup.cdx
	mkdir -p dist
	mv ecr-cleanup.cdx.json dist/
	find crates tests -name ecr-cleanup.cdx.json -delete

release-check: lint-workflows ## A dry run of a release: notes, crates, zips built twice, the command, SBOM; says what cannot be done here
	python3 infra/release/release.py notes CHANGELOG.md
	cargo package --locked --no-verify --package ecr-cleanup-core --package ecr-cleanup
	$(MAKE) check-package
	$(MAKE) terraform-module
	@if command -v npm >/dev/null; then $(MAKE) cloudformation cdk-package; \
	else echo "SKIPPED: npm is not installed, so there is neither the CDK package nor a template for CloudFormation"; fi
	@if [ -d "$$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-musl" ] || rustup target add x86_64-unknown-linux-musl; then \
	$(MAKE) command-x86_64-unknown-linux-musl; \
	else echo "SKIPPED: Rust's standard library for musl cannot be had here, so the command is built for glibc"; \
	$(MAKE) command-x86_64-unknown-linux-gnu; fi
	@if command -v cargo-cyclonedx >/dev/null; then $(MAKE) sbom; else echo "SKIPPED: cargo-cyclonedx is not installed, so there is no SBOM"; fi
	python3 infra/release/release.py checksums dist
	cd dist && sha256sum --check --quiet *.sha256

lint-workflows: $(CHECKOV)/.ready ## What CI and releases do on GitHub: actionlint, zizmor
	$(CHECKOV)/bin/actionlint
	$(CHECKOV)/bin/zizmor --offline --quiet --no-progress .github

lint: lint-workflows lint-book $(CHECKOV)/.ready ## Formatting, clippy with warnings as errors, dependency rules where cargo-deny is installed, Terraform, checkov, policies, workflows, the book
	cargo fmt --all -- --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo fetch --locked --quiet; cargo deny --offline check bans licenses sources; \
	else echo "cargo-deny is not installed: dependency rules were not checked"; fi
	@if command -v terraform >/dev/null && [ -d infra/terraform ]; then terraform fmt -check -recursive infra/terraform; \
	else echo "nothing to check for terraform fmt"; fi
	@if command -v tflint >/dev/null; then tflint --chdir infra/terraform --recursive; \
	else echo "tflint is not installed: the Terraform module was not looked at by it"; fi
	@if command -v terraform >/dev/null; then $(CHECKOV)/bin/python tests/infrastructure/lint_policies.py; \
	else echo "terraform is not installed: policies were not looked at by parliament and cloudsplaining"; fi
	$(CHECKOV)/bin/checkov --directory infra/terraform --framework terraform --skip-download --compact --quiet

lint-book: ## Build the book and follow its links; skipped where mdbook is not installed
	@if command -v mdbook >/dev/null; then $(MAKE) book; \
	else echo "SKIPPED: mdbook is not installed (cargo install --locked mdbook), so the book was not built"; fi

# Links between the pages themselves are held by tests/suite/links.rs too.
book: $(CHECKOV)/.ready ## Build docs/ as a book, in target/book, and follow the links in it; needs mdbook
	mdbook build docs
	$(CHECKOV)/bin/lychee --offline --include-fragments --no-progress --quiet --root-dir $(CURDIR)/target/book target/book

fmt: ## Format the code
	cargo fmt --all

schema: build ## Write the JSON Schema of the configuration again
	$(BIN)/ecr-cleanup schema > config.schema.json

clean: ## Remove everything that was built
	rm -rf target dist $(VENV) $(PACKAGING) $(CHECKOV) infra/cdk/node_modules tests/report/node_modules

$(VENV)/.ready: tests/moto/requirements.txt tests/infrastructure/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet $(addprefix --requirement ,$^)
	touch $@

$(PACKAGING)/.ready: infra/package-requirements.txt
	$(PYTHON) -m venv $(PACKAGING)
	$(PACKAGING)/bin/pip install --quiet --requirement infra/package-requirements.txt
	touch $@

$(CHECKOV)/.ready: tests/infrastructure/checkov-requirements.txt
	$(PYTHON) -m venv $(CHECKOV)
	$(CHECKOV)/bin/pip install --quiet --requirement tests/infrastructure/checkov-requirements.txt
	touch $@
