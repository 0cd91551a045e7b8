# `make serve` reads the book, `make test` checks everything. The README has the plain commands.

PYTHON ?= python3
PYTHON_LOWEST ?= python3.11
PYTHON_NEWEST ?= python3.15
PORT ?= 8000
JOBS ?= 2

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
PY := $(BIN)/python
READY := .venv/ready
RUN := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 JUPYTER_PREFER_ENV_PATH=1 \
	$(PY) -m pytest -n $(JOBS) --dist loadfile --nbval --nbval-current-env

.DEFAULT_GOAL := help
.PHONY: help setup book pdf slides wheel archive instructor serve lab test test-live test-course test-lowest test-newest lint format notebooks hooks bench clean

help:
	@echo "make serve      read and run the book on http://127.0.0.1:$(PORT)/ (first time: a few minutes)"
	@echo "make wheel      build npgkit's wheel, with the book's data, in _build/wheel"
	@echo "make book       build it into _build/html, executing every notebook"
	@echo "make pdf        print it: the whole book and each page as a PDF in _build/html (needs Chromium)"
	@echo "make slides     print the decks of slides, with notes and without (needs Chromium)"
	@echo "make archive    the site and start files for each system as one zip, for a stick"
	@echo "make instructor  what a teacher wants, with the exams' answers, in _build/instructor/html"
	@echo "make lab        open the notebooks in JupyterLab"
	@echo "make test       every check: lint, types, build, tests, notebooks, browser"
	@echo "make test-live  run every chapter in the browser, each cell against what its notebook stores"
	@echo "make test-course  grade the course kit's exports by nbgrader, Otter and Gradescope's programs (5 minutes)"
	@echo "make test-lowest  the package's tests and notebooks on the lowest versions allowed"
	@echo "make test-newest  the same on the newest Python and what goes with it"
	@echo "make lint       only ruff, types, import layers and the notebooks' form"
	@echo "make format     let ruff lay out the code"
	@echo "make notebooks  bring the notebooks into the form in which they are committed"
	@echo "make hooks      check every commit with ruff, mypy and the notebook linter"
	@echo "make bench      measure pages, their code, the build, and the crossing of chapter 8 (15 minutes)"
	@echo "make clean      remove what was built; the .venv stays"

# One stamp for the environment: made again when the pinned tree or the package's description changes.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 ...")'
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

setup: $(READY)

book: $(READY)
	@$(PY) -m tools.site.vendor
	@$(PY) -m tools.site.build

wheel: $(READY)
	@$(PY) -m tools.live.wheel

# The pages' download buttons have the PDFs until the book is built anew.
pdf: book
	@$(PY) -m tools.site.pdf

# The page for teachers has the PDFs until the book is built anew.
slides: book
	@$(PY) -m tools.site.slides_pdf

# With the PDFs, if `make pdf` has put them there.
archive: book
	@$(PY) -m tools.site.archive

# Beside the site and not in it: the answers are not published.
instructor: book
	@$(PY) -m tools.site.instructor

serve: book
	@$(PY) -m tools.site.serve --port $(PORT)

lab: $(READY)
	$(BIN)/jupyter lab --notebook-dir=book

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(BIN)/lint-imports --no-cache
	$(PY) -m tools.notebooks lint book

format: $(READY)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

notebooks: $(READY)
	$(PY) -m tools.notebooks normalise book

hooks: $(READY)
	$(BIN)/pre-commit install

# The tests of the code come first: the evidence page reports their results.
test: lint
	$(RUN) -m "not tools" tests book --ignore=tests/site --ignore=tests/live
	@$(PY) -m tools.site.vendor
	$(PY) -m tools.site.build --force
	$(PY) -m tools.site.pdf --optional
	$(PY) -m tools.site.slides_pdf --optional
	$(RUN) -m "not live or quick" tests/site tests/live

# Each page is a test of its own, and a worker takes the next one when it is free.
test-live: book
	$(RUN) --dist worksteal -m live tests/live

# Each grader gets an environment of its own, in _build/graders.
test-course: book
	$(RUN) -m tools tests/course

# The floors of pyproject.toml are what the first of these ran on.
test-lowest:
	@JOBS=$(JOBS) .ci/on-versions .venv-lowest $(PYTHON_LOWEST) requirements-lowest.txt

test-newest:
	@JOBS=$(JOBS) .ci/on-versions .venv-newest $(PYTHON_NEWEST) requirements-newest.txt

bench: book
	$(PY) benchmarks/pages.py
	$(PY) benchmarks/live.py
	$(PY) benchmarks/crossing.py

clean:
	rm -rf _build .pytest_cache .ruff_cache .mypy_cache .hypothesis
