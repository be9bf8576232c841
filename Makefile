# Two commands set everything up: `make demo` and `make test`. `make check` is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: demo test check lint types imports bench fmt golden clean mutants

demo: $(STAMP)
	$(BIN)/tillbox demo $(ARGS)

test: $(STAMP) tools
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: $(STAMP) tools lint types imports
	$(BIN)/python -m pytest -n 2

.PHONY: tools
tools:
	@sh tests/install_tools.sh

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m tests.bench $(ARGS)

golden: $(STAMP)
	$(BIN)/python -m tests.golden.write $(ARGS)

mutants: $(STAMP)
	$(BIN)/mutmut run $(ARGS)

fmt: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(STAMP): pyproject.toml edge/screens/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tillbox needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version)."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

clean:
	rm -rf $(VENV) .demo dist build htmlcov mutants edge/screens/node_modules edge/screens/vendor
