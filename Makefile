# Needs only Python >= 3.10 and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: test test-all lint demo benchmarks clean

$(READY): pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group test --group lint
	touch $@

## the linters, the unit suite with its coverage gate, and the end-to-end suite with the pip installed here
test: lint
	$(BIN)/python -m pytest -q -n 3 --dist worksteal --cov=pip_verify --ignore=tests/benchmarks tests

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

## the same on every CPython 3.10 to 3.13 that is here, and the hook's tests on every pip named in the docs
test-all: $(READY)
	$(BIN)/python tests/matrix.py

## the main job on real input: real packages verified and installed, tampered ones refused
demo: $(READY)
	$(BIN)/python examples/demo.py

## paired timings; docs/benchmarks.md says what they came to
benchmarks: $(READY)
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) .venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
