# Two commands do all the set-up: `make search` runs the main job, `make test` runs the whole suite.
PYTHON ?= python3
BIN := .venv/bin
AXE := .venv/axe/axe.min.js

.PHONY: help search test test-short test-fast test-core test-all lint bench docs scenarios torture results clean

help:
	@echo "make search     one carbon-aware architecture search, with its report, in runs/"
	@echo "make test       lint, types, layers and the test suite (minutes)"
	@echo "make test-fast  the same without the tests marked slow"
	@echo "make test-core  the tests of the package without any extra, in an environment of its own"
	@echo "make test-all   the tests marked long as well: every combination, real clusters, browsers"
	@echo "make bench      the benchmarks, with their figures (minutes)"
	@echo "make docs       the documentation site, in docs/_build/index.html; a warning is an error"
	@echo "make scenarios  a thousand random scenarios: budgets, books, tasks, devices (minutes)"
	@echo "make torture    kills, faults and damaged files in their long form (hours; docs/reliability.md)"
	@echo "make results    every table and figure of docs/results.md in results/ (hours to days; QUICK=1: minutes; DATA=FOLDER)"
	@echo "make clean      remove the environment and every cache (not your runs)"

search: .venv/.ready
	$(BIN)/ce-nas search

# Lint runs at the same time as the tests; few examples of each property, and few kills: `make test-all` has more of both.
test: .venv/.ready-test $(AXE)
	$(MAKE) --no-print-directory -j 2 lint test-short

test-short: .venv/.ready-test
	CE_NAS_EXAMPLES=20 CE_NAS_TORTURE_KILLS=5 CE_NAS_TORTURE_SEEDS=5 $(BIN)/pytest -n 2 -q -m "not long"

test-fast: .venv/.ready-test lint
	$(BIN)/pytest -n 2 -q -m "not slow and not long"

# The newest versions of the core's dependencies, which some extras hold back.
test-core:
	$(PYTHON) -m venv .venv-core
	.venv-core/bin/pip install --quiet --disable-pip-version-check --editable . pytest pytest-xdist hypothesis
	CE_NAS_CORE_ONLY=1 .venv-core/bin/pytest -n 2 -q -m "not slow and not long"

test-all: .venv/.ready-test $(AXE) lint
	CE_NAS_SCENARIOS=60 CE_NAS_TORTURE_KILLS=50 $(BIN)/pytest -n 2 -q

lint: .venv/.ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.ready-test
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[benchmarks]'
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/searchers.py

docs: .venv/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs docs/_build
	@echo "docs/_build/index.html"

scenarios: .venv/.ready-test
	CE_NAS_SCENARIOS=1000 $(BIN)/pytest -q tests/engine/test_scenarios.py

torture: .venv/.ready-test
	CE_NAS_TORTURE_KILLS=1000 CE_NAS_TORTURE_SEEDS=10000 CE_NAS_TORTURE_INPUTS=16000 CE_NAS_TORTURE_WEEKS=52 \
		CE_NAS_SCENARIOS=1000 $(BIN)/pytest -n 2 -q tests/torture tests/engine/test_scenarios.py

# Finished steps are kept in results/, so that the same command continues an interrupted one.
results: .venv/.ready-test
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[benchmarks]'
	$(BIN)/python scripts/make_results.py --out results $(if $(DATA),--data $(DATA)) $(if $(QUICK),--quick)

clean:
	rm -rf docs/_build .venv .venv-core .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The constraints hold torch to the versions whose plain requirement gives a machine without a GPU the CPU build.
.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ce-nas needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; choose another with: make PYTHON=python3.12 search")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/.ready-test: .venv/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

# The browser tests judge accessibility by axe-core, of npm; without it they skip, and say so.
$(AXE): .venv/.ready-test
	@mkdir -p .venv/axe
	@cd .venv/axe && (npm pack --silent axe-core@4 && tar xzf axe-core-*.tgz --strip-components=1 package/axe.min.js package/LICENSE) > /dev/null 2>&1 \
		|| echo "axe-core could not be fetched with npm: accessibility is not tested"
