# `make demo`: install, then the whole job on smears that smearprep draws itself, training included.
# `make test`: install with the developers' tools, then every check and test.
# `make bench`: every measurement of speed, which takes long; `make bench BENCH="--quick"` only sees that all run.
# They make .venv on the first run and again when pyproject.toml changes.

PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet -c constraints-cpu.txt
# Tests run on all cores; `make test PYTEST="-x tests/cli"` runs what you name.
PYTEST ?= -n auto

.PHONY: demo test bench
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/smearprep demo out/demo

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python .ci/typed_tree.py
	cd build/typed && ../../$(BIN)/mypy --config-file ../../pyproject.toml smearprep
	cd build/typed && ../../$(BIN)/lint-imports --config ../../pyproject.toml
	$(BIN)/python -m pytest $(PYTEST)

bench: .venv/installed-dev
	$(BIN)/python -m tests.bench $(BENCH)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints-cpu.txt | .venv/bin/python
	@echo "Installing smearprep into .venv ..."
	$(PIP_INSTALL) -e ".[train]"
	touch $@

# What the tests need is more than what the demo needs: both are then in place.
.venv/installed-dev: pyproject.toml constraints-cpu.txt | .venv/bin/python
	@echo "Installing smearprep and the developers' tools into .venv ..."
	$(PIP_INSTALL) -e ".[dev]"
	touch .venv/installed $@
