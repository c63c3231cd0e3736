# What a newcomer needs: `make design` and `make test`. Both make .venv themselves; a machine needs only Python 3.11-3.13 and pip.

VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.installed
OUT    ?= build/design
JOBS   ?= 2
PYTHON ?=
# Read for one data file (task vowels), never imported. With its requirements it would hold NumPy and pandas back (numba
# < 0.64) and bring 60 MB more, so it comes alone, after `pip check` has seen everything that is imported.
DATA   := aeon==1.6.0

.PHONY: help design test lab bench readme sweep checkpoints studies lint clean
.DEFAULT_GOAL := help

help:
	@echo "make design       train, prune, quantise, fit to a board, budget power and heat; leaves $(OUT)"
	@echo "make test         every test: unit, notebooks, layers, policy, browser, firmware"
	@echo "make lab          the course in JupyterLab"
	@echo "make bench        benchmark tables, as Markdown and in build/bench"
	@echo "make readme       the README's table of errors, scored again"
	@echo "make sweep        thousands of single kernels counted on the virtual board"
	@echo "make checkpoints  makes the shipped checkpoints of the notebooks again"
	@echo "make studies      makes the shipped compression studies again, about 20 minutes"
	@echo "make lint         ruff, mypy and the import floors (all part of make test)"
	@echo "make clean        removes .venv, build and caches"

# Installed once, and again when pyproject.toml changes.
$(READY): pyproject.toml
	@if $(PY) -m pip --version >/dev/null 2>&1; then exit 0; fi; \
	found=""; \
	for candidate in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	  then found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "tinykit needs Python 3.11, 3.12 or 3.13 with venv and pip; none was found on PATH." >&2; \
	  echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv)" >&2; \
	  echo "or name one: make PYTHON=/path/to/python3.12 design" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version): once, about 0.9 GB to download, 1 to 5 minutes."; \
	"$$found" -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	@$(PY) -m pip uninstall --quiet --yes $(firstword $(subst ==, ,$(DATA))) 2>/dev/null
	@$(PY) -m pip install --disable-pip-version-check --editable ".[all,test]"
	@$(PY) -m pip check
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps "$(DATA)"
	@touch $@

design: $(READY)
	$(PY) -m tinykit design --out $(OUT)
	@echo
	@echo "The report is $(OUT)/report.html: open it in a browser."
	@echo "To do it by hand in the notebooks: make lab"

test: $(READY)
	@$(PY) -m pytest -n $(JOBS) --dist loadfile $(ARGS)

lab: $(READY)
	$(PY) -m jupyter lab notebooks/00_start_here.ipynb

bench: $(READY)
	$(PY) -m tests.bench

readme: $(READY)
	$(PY) -m tools.published_errors

sweep: $(READY)
	$(PY) -m tools.sweep

checkpoints: $(READY)
	$(PY) -m tools.studies checkpoints

studies: $(READY)
	$(PY) -m tools.studies studies

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
