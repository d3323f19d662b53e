# The one door. Each target makes the environment it needs; CI calls the same targets and nothing else.
# Only relative paths here: make splits names at spaces, and a checkout may live in a folder that has one.

.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo test check bench banner docs fmt lock clean \
	env check-style check-types check-imports check-banner check-wheel check-rest check-lowest test-banner

MAKEFLAGS += --no-print-directory
unexport PYTHONPATH PYTHONHOME
export PYTHONNOUSERSITE = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

PORT ?= 5000
PY := .venv/bin/python
BANNER := static/banner
BUILT := flask_ext/flask_consentry/static
CODE := consent flask_ext tests examples scripts
# A file of tests to each processor, for many wait: for deadlines, servers, a browser. By name: tests/crash takes longest.
AT_ONCE := --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: ## serve the example site on http://127.0.0.1:5000 (PORT=… for another port)
	@sh scripts/environment.sh .venv-demo requirements/demo.txt
	@sh scripts/demo.sh .venv-demo/bin/python "$(PORT)"

test: env ## run all tests: Python, TypeScript (where Node is) and the example site in Chromium
	@NGINX_PATH="$$(sh scripts/nginx.sh)" && export NGINX_PATH && $(PY) -m pytest $(AT_ONCE) --ignore=tests/e2e
	@$(MAKE) test-banner
	@NGINX_PATH="$$(sh scripts/nginx.sh)" && CHROMIUM="$$(sh scripts/chromium.sh)" && export NGINX_PATH CHROMIUM && \
		echo "Browser tests in $$CHROMIUM" && $(PY) -m pytest $(AT_ONCE) tests/e2e

check: check-rest check-lowest ## run every check beside the tests

check-rest: check-style check-types check-imports check-banner check-wheel

bench: env ## measure the gate against the bare application, the ledger against the bare engines
	$(PY) -m tests.benchmarks.html
	$(PY) -m tests.benchmarks.gate
	$(PY) -m tests.benchmarks.decisions
	$(PY) -m tests.benchmarks.ledger
	$(PY) -m tests.benchmarks.audience

banner: $(BANNER)/node_modules/.package-lock.json ## build the browser side into the Flask extension (needs Node)
	cd $(BANNER) && npm run build

docs: env ## run the code in the README and docs, and look for what they leave out
	$(PY) -m pytest tests/unit/test_docs.py tests/integration/test_docs.py

fmt: env ## format the Python code and mend what ruff can mend
	$(PY) -m ruff check --fix $(CODE)
	$(PY) -m ruff format $(CODE)

lock: env ## write requirements/*.txt anew (UPGRADE=--upgrade for newer versions)
	@sh scripts/lock.sh .venv/bin/uv $(UPGRADE)

clean: ## remove environments, caches and builds; keeps the example's data
	rm -rf .venv .venv-demo .venv-lowest build dist $(BANNER)/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

env:
	@sh scripts/environment.sh .venv requirements/dev.txt

check-style: env
	$(PY) -m ruff check $(CODE)
	$(PY) -m ruff format --check $(CODE)

check-types: env
	$(PY) -m mypy

check-imports: env
	$(PY) .venv/bin/lint-imports --no-logo

check-wheel: env
	$(PY) scripts/check_wheel.py

check-lowest:
	@sh scripts/environment.sh .venv-lowest requirements/lowest.txt
	@NGINX_PATH="$$(sh scripts/nginx.sh)" && export NGINX_PATH && .venv-lowest/bin/python -m pytest $(AT_ONCE) -m "not slow" tests/unit tests/integration

$(BANNER)/node_modules/.package-lock.json: $(BANNER)/package.json $(BANNER)/package-lock.json
	cd $(BANNER) && npm ci --no-audit --no-fund
	@touch $@

ifneq ($(shell command -v node 2>/dev/null && command -v npm 2>/dev/null),)

test-banner: $(BANNER)/node_modules/.package-lock.json
	cd $(BANNER) && npm test

check-banner: $(BANNER)/node_modules/.package-lock.json
	cd $(BANNER) && npm run typecheck
	@$(MAKE) banner
	@sh scripts/unchanged.sh $(BUILT)

else

test-banner check-banner:
	@echo "$@: SKIPPED, this machine has no Node.js with npm; the TypeScript source is not tested here."
	@if [ "$${CI:-}" = true ]; then echo "$@: CI must have Node.js with npm." >&2; exit 1; fi

endif
