# `make demo` audits a built-in checkpoint; `make test` lints, type-checks and tests; `make test-slow`
# runs the tests that are long or much like another; `make docs` builds the manual into `site/`. All
# need only Python 3.11 or newer and make.

VENV ?= .venv
BIN := $(VENV)/bin
# A pyenv shim answers to `command -v` even where its Python is missing, so each is really run.
PYTHON ?= $(shell for python in python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo $$python; break; fi; done)
# pyproject.toml holds lower bounds; these two are known to fit each other.
TORCH ?= torch==2.14.1 torchvision==0.29.1

# Many tests wait for processes that they start, so that two at a time suit two cores. What a file
# builds for all its tests is built once.
TEST_PROCESSES ?= 2

.DELETE_ON_ERROR:
.PHONY: demo test test-slow docs clean

demo: $(VENV)/.installed
	$(BIN)/t2i-audit audit builtin:patchy --suite world-relations --seeds 2 --out runs/demo
	@echo "The run lies in $(CURDIR)/runs/demo"

test: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 PYTHONPATH=$(abspath $(VENV))/quantizers $(BIN)/pytest --quiet tests/quantized
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" --numprocesses $(TEST_PROCESSES) --dist loadfile

test-slow: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow

docs: $(VENV)/.installed-docs
	$(BIN)/python -m scripts.build_docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The manual lies in $(CURDIR)/site/index.html"

# The stamps carry the date of the last complete installation: a new pyproject.toml renews it,
# an interrupted one leaves none.
$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; give PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group test
	@# Beside the environment: where they are installed, diffusers imports them at every start.
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target $(VENV)/quantizers --group quantizers
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

clean:
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache
