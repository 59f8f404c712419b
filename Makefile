# make demo: the main job, on this computer.  make test: everything that must hold.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# They try random and all orders of things. Measuring coverage would take most of their time; other tests show each branch.
ORDERS := tests/crash/test_model.py tests/crash/test_outsiders.py tests/crash/test_interleavings.py
SOURCES := flux_core adapters benchmarks templates tests

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit coverage wheel bench soak clean

help:
	@echo "make demo    set up, and take an order through: filled, redelivered, killed half way, refunded"
	@echo "make test    set up, and run every check: lint, types, tests, coverage, the built wheel"
	@echo "make lint    format the code and mend what can be mended"
	@echo "make bench   measure, side by side with the raw floor of each store"
	@echo "make soak    the model-based test with ever new seeds, for 10 minutes or FLUX_SOAK_MINUTES"
	@echo "make clean   remove what these commands made"

demo: $(VENV)/.run
	@$(BIN)/python templates/order-fulfillment/demo.py

test: $(VENV)/.dev
	@echo "== lint" && $(BIN)/ruff check $(SOURCES) && $(BIN)/ruff format --check $(SOURCES)
	@$(MAKE) --no-print-directory types unit coverage wheel

types: $(VENV)/.dev
	@echo "== types" && $(BIN)/mypy

unit: $(VENV)/.dev
	@echo "== tests" && rm -f .coverage .coverage.*
	@$(BIN)/pytest -q -n 2 --dist loadgroup $(ORDERS)
	@$(BIN)/pytest -q -n 3 --dist loadgroup --cov --cov-report= $(ORDERS:%=--ignore=%) $(TESTS)

coverage: $(VENV)/.dev
	@echo "== coverage: all branches of flux_core, 95 % of the adapters"
	@$(BIN)/coverage report --include='flux_core/*' --fail-under=100
	@$(BIN)/coverage report --include='adapters/*' --fail-under=95

wheel: $(VENV)/.dev
	@echo "== the wheel, in an environment of its own" && $(BIN)/python tests/wheel/try_wheel.py

lint: $(VENV)/.dev
	@$(BIN)/ruff check --fix $(SOURCES) && $(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.dev
	@$(BIN)/python benchmarks/run.py $(BENCH)

soak: $(VENV)/.dev
	@FLUX_SOAK_MINUTES=$${FLUX_SOAK_MINUTES:-10} $(BIN)/pytest -q -n 4 tests/crash/test_model.py

clean:
	rm -rf $(VENV) .bench-* .cache .coverage .coverage.* .flux .hypothesis .mypy_cache .pytest_cache .ruff_cache dist build

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Flux needs Python 3.11 or newer; say which: make PYTHON=python3.12 ...")'
	@echo "== making an environment in $(VENV)" && $(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml
	@echo "== installing Flux and its command line"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install -q -e '.[cli,aws,web]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "== installing what the checks need (a minute or two)"
	@$(BIN)/python -m pip install -q --group dev
	@touch $@
