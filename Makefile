# Two commands do all on a fresh clone: `make demo` and `make test`.
PYTHON ?= python3
# More than a small machine has processors: half of the time the tests wait. The fast ones start no server, so that one more fits.
WORKERS ?= 3
CHECKERS ?= 4
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-header
# In the order of the files: by default xdist begins with those of many tests, and ends alone with a few long ones.
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
# Hundreds of processes are started here: told to keep no compiled modules, each would compile all of them again.
export PYTHONDONTWRITEBYTECODE :=
# The tests' files lie in memory where there are 4 GB for them: to SIGKILL it is the same, and nobody waits for a disk's fsync.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')
export PYTEST_DEBUG_TEMPROOT ?= $(MEMORY)

.DEFAULT_GOAL := help
.PHONY: help setup wheel demo test test-all check lint fix prove prove-servers prove-planted oracles bench bench-servers lock clean docs servers servers-stop
.DELETE_ON_ERROR:

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'
	@echo '  (ARGS="..." reaches the command: make test ARGS="-k relay")'

setup: .venv/dev.ok ## make .venv and install everything for development

DIST ?= dist
wheel: .venv/shop.ok ## the package as pip installs it: dist/partita-VERSION-py3-none-any.whl
	$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w $(DIST) .

demo: .venv/shop.ok ## the shop under fire: services killed, payments declined, nothing lost
	$(BIN)/partita demo $(ARGS)

BUT := and not long
# Side by side those would take each other's processor, and wait too long for what a quiet machine does at once.
# (5: none selected, as by an ARGS="-k ..." that means the other half.)
test: .venv/dev.ok ## tests of all kinds; those that put processes and servers under load come last, one after the other
	$(PYTEST) -n $(WORKERS) -m "not processes and not oracles $(BUT)" $(ARGS) || [ $$? = 5 ]
	$(BIN)/python -m pytest -m "processes and not oracles $(BUT)" $(ARGS) || [ $$? = 5 ]

test-all: BUT :=
test-all: test ## all tests there are, as CI runs them

check: lint ## before a commit: format, lint, types, floors, fast tests
	$(PYTEST) -n $(CHECKERS) -m "not processes and not slow and not long and not oracles" $(ARGS)

lint: .venv/dev.ok ## what is seen without running: format, lint, types, floors
	$(BIN)/ruff format --check --quiet --output-format concise .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	@if $(BIN)/pyright --version >/dev/null 2>&1; then echo "$(BIN)/pyright" && $(BIN)/pyright; \
	 elif [ -n "$$CI" ]; then echo "pyright does not start here, and CI skips nothing"; exit 2; \
	 else echo "pyright does not start here (it needs node): left to CI"; fi
	@echo "$(BIN)/lint-imports"; said=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$said"; exit 1; }

fix: .venv/dev.ok ## format, and mend what ruff can mend
	$(BIN)/ruff check --fix --quiet --exit-zero .
	$(BIN)/ruff format .

servers: .venv/dev.ok ## PostgreSQL and Kafka on loopback, without containers
	$(BIN)/python -m servers start

servers-stop: ## stop just these
	$(BIN)/python -m servers stop

prove: .venv/shop.ok ## the long proof: 20,000 generated sagas, then ten seeds, a minute each, a kill every two seconds
	$(BIN)/python -m partita.testing.generators.proof --cases 20000 || exit 3
	for seed in 1 2 3 4 5 6 7 8 9 10; do \
	  $(BIN)/partita demo --headless --for 60s --kill-every 2s --seed $$seed || exit 3; done

prove-servers: .venv/dev.ok ## the same on PostgreSQL and Kafka, which are killed too; three brokers; ten minutes without one
	$(BIN)/python -m servers.prove $(ARGS)
	PARTITA_LONG=1 $(BIN)/python -m pytest -v tests/processes/test_on_servers.py tests/processes/test_kafka_trouble.py \
	  tests/processes/test_waiting_killed.py tests/processes/test_mixing.py --timeout 3600 \
	  -k "killed_under_load or while_the_broker_is_down or one_broker_of_three or hundred_kills or only_a_kill or on_the_same_keys" || exit 3

oracles: .venv/oracles.ok ## readers, writers and checkers of other projects give their opinion of ours (java, maven, node, go)
	$(PYTEST) -n 2 -m oracles --timeout 1200 $(ARGS) || [ $$? = 5 ]

prove-planted: .venv/dev.ok ## plant every bug of the table again: each must be found (docs/guides/planted-bugs.md)
	$(BIN)/python -m tests.planted.prove $(ARGS)

docs: .venv/docs.ok ## the documentation as a site, to be opened from its folder: build/docs/site/index.html
	$(BIN)/python -m documentation build/docs

bench: .venv/bench.ok ## benchmarks beside the peer, as JSON and as a table
	$(BIN)/python bench/run.py embedded $(ARGS)

bench-servers: .venv/bench.ok ## the same on PostgreSQL and on PostgreSQL and Kafka (80 minutes)
	$(BIN)/python bench/run.py postgres kafka $(ARGS)

# dev.txt comes first and binds the others: one machine can hold all of them, and no command moves another's versions.
lock: .venv/python.ok ## write the locked requirements anew (ARGS=--upgrade for newer versions)
	@[ -x $(BIN)/uv ] || { echo "make lock needs uv, which pip could not install here"; exit 2; }
	echo uv | $(LOCK) $(ARGS) - -o requirements/uv.txt
	$(LOCK) $(ARGS) pyproject.toml --extra shop --group dev -o requirements/dev.txt
	$(LOCK) $(ARGS) pyproject.toml --extra shop --extra yaml --group build -c requirements/dev.txt -o requirements/shop.txt
	$(LOCK) $(ARGS) pyproject.toml --group docs -c requirements/dev.txt -o requirements/docs.txt
	$(LOCK) $(ARGS) pyproject.toml --group oracles -c requirements/dev.txt -o requirements/oracles.txt
	$(LOCK) $(ARGS) pyproject.toml --group bench -c requirements/dev.txt -o requirements/bench.txt
	@! grep -nE '://|^-' requirements/*.txt || { echo "a lock file holds an address or an option"; exit 2; }

clean: ## remove .venv, caches, what was built, and the demo's data
	rm -rf .venv .partita build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Set-up leaves a stamp per lock file, so that a second command installs nothing again.

.venv/python.ok:
	@$(PYTHON) --version >/dev/null 2>&1 || { \
	  echo "There is no $(PYTHON) here. Partita needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Partita needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv or no ensurepip. On Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "making .venv with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt \
	  || echo "(pip could not install uv; pip installs all, which takes a minute longer)"
	@touch $@

# $(1): the lock file. uv is fast; where it cannot reach a registry that pip is configured for, pip does it.
define install
	@echo "installing requirements/$(1).txt ..."
	@{ [ -x $(BIN)/uv ] && $(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/$(1).txt; } \
	 || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/$(1).txt
endef

# Without build isolation, since the lock file has brought the build tool: nothing is fetched that has no hash.
define install_partita
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
endef

.venv/shop.ok: .venv/python.ok requirements/shop.txt pyproject.toml
	$(call install,shop)
	$(install_partita)

.venv/dev.ok: .venv/python.ok requirements/dev.txt pyproject.toml
	$(call install,dev)
	$(install_partita)
	@touch .venv/shop.ok

.venv/docs.ok: .venv/dev.ok requirements/docs.txt
	$(call install,docs)
	@touch $@

.venv/oracles.ok: .venv/dev.ok requirements/oracles.txt
	$(call install,oracles)
	@touch $@

.venv/bench.ok: .venv/dev.ok requirements/bench.txt
	$(call install,bench)
	@touch $@
