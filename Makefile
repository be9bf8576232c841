# Two commands set everything up: `make demo` and `make test`. `make check` is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHOP := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
ARGS ?=

.PHONY: demo test check coverage lint types imports bench fmt golden clean mutants looks market storm fleet fuzz soak unplugged install deb image image-test

demo: $(SHOP)
	$(BIN)/tillbox demo $(ARGS)

# a test that fails runs once more, and the end of the run names it (RERUN): that is a fault of
# the test or of the product all the same, and somebody's to find
ONCE_MORE := --reruns 1 -rR

# the tests that start all the real processes run alone: a crowded machine is another test
test: $(DEV) tools
	$(BIN)/python -m pytest -n 2 $(ONCE_MORE) -m "not whole_shop" $(ARGS)
	$(BIN)/python -m pytest $(ONCE_MORE) -m whole_shop $(ARGS)

check: lint types imports test

# all tests, the processes they start counted too; every room is held against its mark.
# Python 3.11 does not tell a tracer that a coroutine went on after an exception was thrown
# into it (python/cpython#106749): what runs behind a timeout would count as never run
coverage: $(DEV) tools
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' || \
	  { echo "Coverage is measured with Python 3.12 or newer; $(BIN) has $$($(BIN)/python --version)."; \
	    echo "For example: make coverage PYTHON=python3.13 VENV=.venv-3.13"; exit 1; }
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -n 2 $(ONCE_MORE) -m "not whole_shop" $(ARGS)
	$(BIN)/python -m coverage run -m pytest $(ONCE_MORE) -m whole_shop $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report
	$(BIN)/python -m coverage json --quiet -o - | $(BIN)/python tests/coverage_marks.py

.PHONY: tools
tools:
	@sh tests/install_tools.sh

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

imports: $(DEV)
	$(BIN)/lint-imports

bench: $(DEV)
	$(BIN)/python -m tests.bench $(ARGS)

golden: $(DEV)
	$(BIN)/python -m tests.golden.write $(ARGS)

# the tests of how screens look in every size, theme and language; a check looks at two to six
looks: $(DEV) tools
	TILLBOX_LOOKS=every $(BIN)/python -m pytest -n 2 -k sticks_out tests/screens $(ARGS)

# an hour of a supermarket with eight tills; a check serves a few minutes of it
market: $(DEV) tools
	TILLBOX_CUSTOMERS=60 $(BIN)/python -m pytest -s tests/whole_shop/test_market.py $(ARGS)

# sales, and money back to cards, with every process killed at every step; a check kills each once.
# PostgreSQL killed at 500 places between a frame and its acknowledgement; a check has 24.
# 2,000 days of a payment terminal in every weather; a check has 60.
# 400 histories of shops and head office, and every mutant of replication; a check has 15, and three.
# Thirty days without a line, 30,000 sales; a check has a tenth
storm: $(DEV) tools
	ZVT_STORM_RUNS=2000 ADYEN_STORM_RUNS=2000 $(BIN)/python -m pytest -n 2 \
	  tests/devices/test_zvt_payment_storm.py tests/devices/test_adyen_payment_storm.py $(ARGS)
	TILLBOX_PG_POINTS=500 $(BIN)/python -m pytest -k killed_between_copy \
	  tests/sync/appending/test_postgres_faults.py $(ARGS)
	TILLBOX_LAWS=400 TILLBOX_THIRTY_DAYS=1 TILLBOX_FEED_BYTES=1 $(BIN)/python -m pytest -n 2 -s \
	  tests/replication_laws $(ARGS)
	TILLBOX_STORM=1 $(BIN)/python -m pytest tests/ledger/test_mending_by_chance.py \
	  tests/whole_shop/test_killed_anywhere.py tests/whole_shop/test_card_refunds.py \
	  tests/whole_shop/test_day_killed.py $(ARGS)

# on this machine, as root: services, users, drivers; `tillbox setup` makes it a shop's box then
install:
	sh systemd/install.sh /

# the same as a package, in dist/
deb:
	sh systemd/make_deb.sh dist

# the disk of a box, as root, in dist/image-vm: image/README.md. ARGS=pi: for a Raspberry Pi
image:
	sh image/build.sh $(or $(ARGS),vm)

# that disk booted in QEMU: units, walls, tills, devices, a power cut. Alone: its minutes are a
# busy machine's quarters of an hour
image-test: $(DEV)
	TILLBOX_IMAGE=dist/image-vm $(BIN)/python -m pytest -s -m image tests/image $(ARGS)

# twenty devices at fifty messages a second for ten minutes; a check takes half a minute
soak: $(DEV) tools
	TILLBOX_SOAK_S=600 $(BIN)/python -m pytest -s tests/whole_shop/test_soak.py $(ARGS)

# every driver unplugged at every message of every dialogue, in every way; a check does a part
unplugged: $(DEV) tools
	TILLBOX_UNPLUGGED=all $(BIN)/python -m pytest -n 2 tests/devices/test_unplugged.py $(ARGS)

# a thousand simulated shops against a real head office: steady selling, weeks of one of them, and
# an outage of a day; a check has twenty. ARGS: --shops, --day-sales, --per-s, --out FILE.json, …
fleet: $(DEV)
	$(BIN)/python -m tests.fleet $(ARGS)

# a million inputs for each codec of devices/protocols, by a seed that is printed; a check plays
# some hundred. About half an hour, a third of it receipts; ARGS: names of codecs, --inputs, --seed
fuzz: $(DEV)
	$(BIN)/python -m tests.devices.fuzz $(ARGS)

mutants: $(DEV)
	$(BIN)/mutmut run $(ARGS)

fmt: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(SHOP): pyproject.toml edge/screens/package-lock.json devices/lettering/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tillbox needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version)."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[discovery]'
	@touch $@

$(DEV): $(SHOP) tests/devices/zpl_render/package-lock.json
	$(BIN)/python -m pip install --quiet --group dev
	@command -v npm > /dev/null && cd edge/screens && \
	  npm ci --silent --ignore-scripts --no-audit --no-fund > /dev/null || \
	  echo "Without npm's packages the types of the screens and their axe are not checked."
	@command -v npm > /dev/null && cd tests/devices/zpl_render && \
	  npm ci --silent --ignore-scripts --no-audit --no-fund > /dev/null || \
	  echo "Without npm's packages the bar codes of labels are not read back."
	@touch $@

clean:
	rm -rf $(VENV) .demo dist build htmlcov mutants edge/screens/node_modules edge/screens/packed \
	  edge/screens/vendor devices/lettering/fonts tests/devices/zpl_render/node_modules
