# `make` alone lists what there is. One profile (release) for everything: libtorch's C++ bindings take minutes for each.

DATA ?=
WEIGHTS ?= $(DATA)
STORE ?= .pipeline
TOOLS := target/tools
CARGO_DENY_VERSION := 0.20.2

# The benchmark's Python packages go into an environment of their own, unless PYTHON names one that has them.
ifeq ($(origin PYTHON),undefined)
PYTHON := python3
BENCH_PYTHON := target/bench-venv/bin/python
BENCH_SETUP := target/bench-venv/installed
else
BENCH_PYTHON := $(PYTHON)
BENCH_SETUP :=
endif

# OpenMP threads that wait by spinning make small recurrent steps many times slower on a busy machine.
export OMP_WAIT_POLICY ?= passive

PIPELINE := target/release/pipeline
ROWS := target/release/examples/rows

.DEFAULT_GOAL := help
.PHONY: help quickstart build test lint deny libtorch libtorch-cuda bench bench-rows tables comments pictures flagship clean-store requirements data

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo "  DATA=folder where flagship, bench, tables and pictures find their files, WEIGHTS=folder where pictures finds"
	@echo "  those of networks; PYTHON=, STORE= as you like"

quickstart: build ## Install what is missing, build, and run the whole tutorial in small
	$(PIPELINE) sample target/sample
	$(PIPELINE) run recipes/quickstart.toml --data-dir target/sample --store $(STORE)

build: libtorch ## Install what is missing and build both binaries
	cargo build --release --locked --package pipeline

test: libtorch ## Install what is missing and run every test
	cargo test --release --locked --workspace

lint: libtorch ## Formatting, and clippy with warnings as errors
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

deny: ## Licences, banned crates and where crates come from
	@if ! cargo deny --version >/dev/null 2>&1 && ! test -x $(TOOLS)/bin/cargo-deny; then \
		echo "setup: building cargo-deny $(CARGO_DENY_VERSION) once, about a minute of two cores"; \
		CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 cargo install --quiet --locked --profile dev --root $(TOOLS) \
			--target-dir $(TOOLS)/build cargo-deny@$(CARGO_DENY_VERSION) && rm -rf $(TOOLS)/build; \
	fi
	PATH="$$PATH:$(CURDIR)/$(TOOLS)/bin" cargo deny --locked check licenses bans sources

libtorch: requirements ## Install libtorch and LightGBM into .libtorch/ and .lightgbm/ where missing
	@$(PYTHON) scripts/install-libtorch

libtorch-cuda: requirements ## Add libtorch's CUDA libraries (2.5 GB to download, 3 GB on disk)
	@$(PYTHON) scripts/install-libtorch --cuda

bench: data build $(ROWS) $(BENCH_SETUP) ## Measure against pandas, polars, PyTorch, scikit-learn: make bench DATA=folder
	$(BENCH_PYTHON) benches/run.py --data-dir $(DATA) --pipeline $(PIPELINE) --rows $(ROWS)
	$(BENCH_PYTHON) benches/hoisting.py --data-dir $(DATA) --pipeline $(PIPELINE)
	$(BENCH_PYTHON) benches/tfidf.py --data-dir $(DATA) --pipeline $(PIPELINE)
	$(BENCH_PYTHON) benches/subwords.py --data-dir $(DATA) --pipeline $(PIPELINE)

bench-rows: $(ROWS) $(BENCH_SETUP) ## Reading and splitting 1,000,000 rows against polars
	$(BENCH_PYTHON) benches/run.py --rows $(ROWS) --only-rows

tables: data build $(BENCH_SETUP) ## Text with columns beside scikit-learn, CatBoost and PyTorch: make tables DATA=folder
	$(BENCH_PYTHON) benches/tables.py --data-dir $(DATA) --pipeline $(PIPELINE)

comments: data build $(BENCH_SETUP) ## Sentences beside PyTorch and scikit-learn: make comments DATA=folder
	$(BENCH_PYTHON) benches/comments.py --data-dir $(DATA) --pipeline $(PIPELINE)

pictures: data build $(BENCH_SETUP) ## Pictures beside PyTorch and torchvision: make pictures DATA=folder WEIGHTS=folder
	$(BENCH_PYTHON) crates/cli/tests/it/backbones.py
	$(BENCH_PYTHON) benches/pictures.py --data $(DATA) $(WEIGHTS) --pipeline $(PIPELINE)

flagship: data build ## The tutorial on real reviews: make flagship DATA=folder
	$(PIPELINE) run recipes/imdb-to-hotel.toml --data-dir $(DATA) --store $(STORE)

clean-store: ## Delete every stored result
	rm -rf $(STORE)

# ---- not in the list

target/bench-venv/installed: benches/requirements.txt
	@echo "setup: installing the benchmark's Python packages into target/bench-venv (about 3 GB to download, 5.4 GB on disk)"
	$(PYTHON) -m venv target/bench-venv
	$(BENCH_PYTHON) -m pip install --quiet --requirement benches/requirements.txt
	@touch $@

.PHONY: $(ROWS)
$(ROWS): libtorch
	cargo build --release --locked --workspace --example rows

requirements:
	@command -v cargo >/dev/null || { echo "setup: error: cargo is missing: install Rust from https://rustup.rs"; exit 1; }
	@command -v c++ >/dev/null || { echo "setup: error: a C++ compiler (c++) is missing"; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "setup: error: $(PYTHON) is missing (PYTHON= names another)"; exit 1; }

bench flagship: FILES := imdb.csv hotel-reviews.csv
pictures: FILES := cats-dogs.zip fashion-mnist-1000.csv pictures
comments: FILES := comments.txt glove.6B.50d.5k.txt
tables: FILES := clothing-reviews.csv drug-reviews-train.tsv drug-reviews-test.tsv hotel-opinions.csv

data:
	@test -n "$(DATA)" || { echo "error: say where the files are: make $(MAKECMDGOALS) DATA=folder (see docs/setup.md)"; exit 2; }
	@for file in $(FILES); do \
		test -e "$(DATA)/$$file" || { echo "error: there is no $(DATA)/$$file"; exit 2; }; \
	done
