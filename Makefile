# `make study` and `make test` set everything up on a machine with Python >= 3.11 and make.
# A second call installs nothing: each stamp file says what its environment was made from.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: study check unit test all-tests test-frameworks lint style types mutate bench docs notebooks wheel-test clean

study: $(VENV)/.runs
	$(BIN)/gengap study

# What to run after every change, in two minutes: lint and types beside unit tests and one case of each law.
check: $(VENV)/.tests
	$(MAKE) --jobs 2 lint unit

unit: $(VENV)/.tests
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow and not browser and not cluster and not higgs"

# Types are checked beside the tests, so that no core is idle.
test: $(VENV)/.tests style
	$(MAKE) --jobs 2 types all-tests

# One worker runs all tests of a file, which share what they start and compile.
all-tests: $(VENV)/.tests
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

# The callbacks and logs of the real frameworks, in an environment of its own. Their warnings are not gengap's.
test-frameworks: .venv-frameworks/.frameworks
	.venv-frameworks/bin/pytest -W ignore tests/frameworks

lint: style types

style: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.tests
	$(BIN)/pyright

docs: $(VENV)/.tests
	$(BIN)/python -m sphinx -W --keep-going docs docs/_build/html

notebooks: $(VENV)/.tests
	$(BIN)/jupytext --to ipynb docs/notebooks/*.py
	$(BIN)/jupyter-execute --inplace docs/notebooks/*.ipynb

# Builds both, then runs the sdist's tests on the installed wheel in a fresh environment: the package as users get it.
wheel-test: $(VENV)/.tests
	rm -rf build/wheel-test
	$(BIN)/python -m build --outdir build/wheel-test
	$(PYTHON) -m venv build/wheel-test/venv
	build/wheel-test/venv/bin/python -m pip install $(PIP) "$$(echo build/wheel-test/*.whl)[dev]"
	tar -xzf build/wheel-test/*.tar.gz -C build/wheel-test
	cd build/wheel-test/gengap-*/ && GENGAP_WHEEL=1 ../venv/bin/pytest -n auto --dist loadfile --no-loadscope-reorder tests

# Changes the source in small ways and says which of them no test notices: MUTATE="--sample 300 --seed 7"
mutate: .venv-mutate/.mutate
	.venv-mutate/bin/python -m benchmarks.mutate $(MUTATE)

bench: .venv-bench/.bench
	.venv-bench/bin/python -m benchmarks $(BENCH)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runs: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(PIP) --editable .
	touch $@

$(VENV)/.tests: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.runs

.venv-bench/.bench: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install $(PIP) --editable '.[bench]'
	touch $@

# PyTorch from the index is built for CUDA, which takes several GB. A CPU build of the same version in pip's find-links
# comes first.
.venv-frameworks/.frameworks: pyproject.toml constraints-frameworks.txt
	$(PYTHON) -m venv .venv-frameworks
	.venv-frameworks/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints-frameworks.txt --editable '.[frameworks]'
	touch $@

.venv-mutate/.mutate: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-mutate
	.venv-mutate/bin/python -m pip install $(PIP) --editable '.[mutate]'
	touch $@

clean:
	rm -rf $(VENV) .venv-bench .venv-frameworks .venv-mutate build dist docs/_build
