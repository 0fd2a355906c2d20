# Every target sets up what it needs. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: help demo test check generate bench faults torture clean

help:
	@echo "make demo [FAULT=redis-master|replica-stalled|consumer-stopped]   real servers, real load, a real page"
	@echo "make test      everything, on real servers          make check     format, lint, types, boundaries, unit tests"
	@echo "make generate  write the worked example again       make bench     measure against peers"
	@echo "make faults    the demo's faults, one after another make torture   the long versions of the tests"

$(STAMP): requirements/dev.txt pyproject.toml
	@sh lab/bootstrap.sh "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(STAMP)
	@$(BIN)/python -m lab.install --for demo
	@exec $(BIN)/python -m lab.demo $(if $(FAULT),--fault $(FAULT)) $(DEMO)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/stackledger generate --config deploy/stackledger.yaml --out . --check
	$(BIN)/stackledger generate --reference docs --check
	$(BIN)/pytest tests/unit -q -p no:cacheprovider

test: $(STAMP)
	$(BIN)/python -m lab.install --for test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/stackledger generate --config deploy/stackledger.yaml --out . --check
	$(BIN)/stackledger generate --reference docs --check
	$(BIN)/pytest $(PYTEST)

generate: $(STAMP)
	$(BIN)/stackledger generate --config deploy/stackledger.yaml --out .
	$(BIN)/stackledger generate --reference docs

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(BENCH)

faults: $(STAMP)
	@$(BIN)/python -m lab.install --for demo
	@exec $(BIN)/python -m lab.demo --fault all --bounded

torture: $(STAMP)
	@$(BIN)/python -m lab.install --for test
	STACKLEDGER_TORTURE=1 $(BIN)/pytest $(PYTEST)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
