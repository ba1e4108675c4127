# The venv is made once; a stamp says what is installed, so a second run installs nothing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
ARGS   ?=

# Node.js comes from a Python package, so that the script of the page is checked where there is none.
NODE   := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: chat web test lint tools bench clean

chat: $(VENV)/chat.stamp
	@$(BIN)/qwen-chat $(ARGS)

web: $(VENV)/web.stamp
	@$(BIN)/qwen-chat web --inbrowser $(ARGS)

test: lint tools
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/dev.stamp $(VENV)/script.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(NODE) node_modules/.bin/tsc
	$(NODE) node_modules/.bin/biome lint --error-on-warnings

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks

# Tests use a real browser and tmux; where they cannot be installed, those tests say what is missing.
tools:
	@{ command -v tmux && { command -v chromium || command -v google-chrome; }; } >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing chromium and tmux (once) ..." >&2; \
		{ apt-get update -qq && apt-get install -y -qq chromium tmux; } </dev/null >/dev/null 2>&1 || true; \
	fi

clean:
	rm -rf $(VENV) node_modules build *.egg-info .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) >&2

$(VENV)/chat.stamp: $(BIN)/python pyproject.toml constraints.txt
	@echo "setting up (once) ..." >&2
	@$(PIP) install -q -c constraints.txt -e . </dev/null >&2
	@touch $@

$(VENV)/web.stamp: $(VENV)/chat.stamp
	@echo "setting up the page (once) ..." >&2
	@$(PIP) install -q -c constraints.txt -e '.[web]' </dev/null >&2
	@touch $@

# Dependency groups need a newer pip than the one some Pythons bring.
$(VENV)/dev.stamp: $(VENV)/chat.stamp
	@$(PIP) install -q -c constraints.txt pip </dev/null >&2
	@$(PIP) install -q -c constraints.txt --group dev </dev/null >&2
	@touch $@

$(VENV)/script.stamp: $(VENV)/dev.stamp package.json package-lock.json
	@$(NODE) npm ci --silent </dev/null >&2
	@touch $@
