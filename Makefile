# Two commands do all on a fresh clone: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
ROOT_FILES := pyproject.toml

.PHONY: help setup demo test check prove bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: .venv/dev.ok ## make .venv and install everything for development

demo: .venv/shop.ok ## the shop under fire: services killed, payments declined, nothing lost
	$(BIN)/partita demo $(ARGS)

test: .venv/dev.ok ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: .venv/dev.ok ## format, lint, types, floors, fast tests
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/pyright --level error
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not processes" $(ARGS)

prove: .venv/shop.ok ## the long proof: ten seeds, a minute each, a kill every two seconds
	for seed in 1 2 3 4 5 6 7 8 9 10; do \
	  $(BIN)/partita demo --headless --for 60s --kill-every 2s --seed $$seed || exit 3; done

bench: .venv/bench.ok ## benchmarks beside the peer, as JSON and as a table
	$(BIN)/python bench/run.py $(ARGS)

lock: .venv/dev.ok ## write the locked requirements anew (hashes, no addresses)
	$(BIN)/uv pip compile pyproject.toml --extra shop --universal --generate-hashes --no-annotate --no-header -o requirements/shop.txt
	$(BIN)/uv pip compile pyproject.toml --extra shop --group dev --universal --generate-hashes --no-annotate --no-header -o requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --group bench --universal --generate-hashes --no-annotate --no-header -o requirements/bench.txt

clean: ## remove .venv, caches and the demo's data
	rm -rf .venv .partita .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/python.ok:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Partita needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@echo "setting up .venv ..."
	@$(PYTHON) -m venv .venv || { \
	  echo "This Python has no venv module. On Debian: apt-get install python3-venv"; exit 2; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv || echo "no uv, pip does it"
	@touch $@

define install
	@echo "installing $(1) ..."
	@if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --require-hashes -r requirements/$(1).txt; \
	 else $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/$(1).txt; fi
	@if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --no-deps -e .; \
	 else $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .; fi
	@touch $@
endef

.venv/shop.ok: .venv/python.ok requirements/shop.txt $(ROOT_FILES)
	$(call install,shop)

.venv/dev.ok: .venv/python.ok requirements/dev.txt $(ROOT_FILES)
	$(call install,dev)
	@touch .venv/shop.ok

.venv/bench.ok: .venv/dev.ok requirements/bench.txt
	$(call install,bench)
