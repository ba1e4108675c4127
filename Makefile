# A stamp file records what is installed, so that a second run installs nothing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

# The lock pins every installed package, and the packages that build them.
LOCK   := constraints.txt
PIP    := PIP_CONSTRAINT=$(LOCK) PIP_BUILD_CONSTRAINT=$(LOCK) $(BIN)/python -m pip --disable-pip-version-check
# uv installs in a third of pip's time. It does not read pip's configuration, so the Makefile passes it on.
CONFIG  = $(BIN)/python -m pip config get global.$(1) 2>/dev/null
UV      = UV_FIND_LINKS="$${UV_FIND_LINKS:-$${PIP_FIND_LINKS:-$$($(call CONFIG,find-links))}}" \
	UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(call CONFIG,index-url))}}" \
	$(BIN)/uv pip

# Node.js comes from a Python package, so that the page's script is checked on machines without Node.js.
NODE   := PATH="$(CURDIR)/$(BIN):$$PATH"

# Four workers and hundreds of short processes read the same modules; without this, each compiles them again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: chat web serve test test-thorough lint tools bench lock clean

chat: $(VENV)/chat.stamp
	@$(BIN)/qwen-chat $(ARGS)

web: $(VENV)/web.stamp
	@$(BIN)/qwen-chat web --inbrowser $(ARGS)

serve: $(VENV)/server.stamp
	@$(BIN)/qwen-chat serve $(ARGS)

# The workers run one test file at a time; tests marked `timing` run alone afterwards. ARGS runs in one process.
WORKERS ?= 4
PYTEST  := $(BIN)/python -m pytest
TIMED    = $(shell grep -rl --include='*.py' 'mark\.timing' tests)

test:
	@$(MAKE) --no-print-directory -j 3 lint tools $(VENV)/compiled.stamp
ifeq ($(ARGS),)
	$(PYTEST) -m "not timing" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PROFILE)
	$(PYTEST) -m timing $(PROFILE) $(TIMED)
else
	$(PYTEST) $(ARGS)
endif

# Runs every property test with all of its examples, and all of the kill tests.
test-thorough: PROFILE = --hypothesis-profile=thorough
test-thorough: test

lint: $(VENV)/dev.stamp $(VENV)/script.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --num-workers 2
	$(NODE) node_modules/.bin/tsc
	$(NODE) node_modules/.bin/biome lint --error-on-warnings

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks

# What is only recommended would bring printers and more; the page needs a font.
APT    := apt-get install -y -qq --no-install-recommends tmux fonts-liberation

# Tests use a real browser and tmux; where neither can be installed, those tests name what is missing.
tools:
	@{ command -v tmux && { command -v chromium-headless-shell || command -v chromium || command -v google-chrome; }; } \
		>/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing chromium and tmux (once) ..." >&2; \
		{ apt-get update -qq && { $(APT) chromium-headless-shell || $(APT) chromium; }; } </dev/null >/dev/null 2>&1 || true; \
	fi

# Pins the packages of pyproject.toml and their dependencies; versions that are pinned already stay.
# ARGS=-U takes the newest releases. The lock leaves the build of torch open: CPU and GPU builds share a version.
lock: $(BIN)/uv
	grep '^torch==' $(LOCK) >$(VENV)/torch.txt
	grep -v '^torch==' $(LOCK) >$(VENV)/lock.txt
	$(UV) compile -q pyproject.toml --all-extras --group dev --group build -c $(VENV)/torch.txt \
		--no-annotate --no-header -o $(VENV)/lock.txt $(ARGS)
	{ echo "# Made by make lock: the versions that are tested together."; sed 's/+cpu$$//' $(VENV)/lock.txt; } >$(LOCK)

clean:
	rm -rf $(VENV) .cache node_modules build *.egg-info .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) >&2

$(VENV)/chat.stamp: $(BIN)/python pyproject.toml $(LOCK)
	@echo "setting up (once) ..." >&2
	@$(PIP) install -q -e . </dev/null >&2
	@touch $@

$(VENV)/web.stamp: $(VENV)/chat.stamp
	@echo "setting up the page (once) ..." >&2
	@$(PIP) install -q -e '.[web]' </dev/null >&2
	@touch $@

$(VENV)/server.stamp: $(VENV)/chat.stamp
	@echo "setting up the API (once) ..." >&2
	@$(PIP) install -q -e '.[server]' </dev/null >&2
	@touch $@

$(BIN)/uv: | $(BIN)/python
	@$(PIP) install -q uv </dev/null >&2

# Where uv fails, pip installs; the pip of some Pythons is too old for dependency groups, so it is upgraded first.
$(VENV)/dev.stamp: $(BIN)/python pyproject.toml $(LOCK) | $(BIN)/uv
	@echo "setting up tests (once) ..." >&2
	@UV_CONSTRAINT=$(LOCK) UV_BUILD_CONSTRAINT=$(LOCK) $(UV) install -q --python $(BIN)/python -e . --group dev --group build </dev/null >&2 || \
		{ $(PIP) install -q pip && $(PIP) install -q -e . --group dev --group build; } </dev/null >&2
	@! $(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable | sed 's/+cpu$$//' | grep -vxFf $(LOCK) || \
		{ echo "not pinned in $(LOCK): run make lock" >&2; exit 1; }
	@touch $(VENV)/chat.stamp $@

# One process compiles what tests import, a third of all that is installed; the workers would do it all at once.
IMPORTED := gradio torch torchao transformers.modeling_utils transformers.models.qwen2.modeling_qwen2 accelerate
$(VENV)/compiled.stamp: $(VENV)/dev.stamp
	@{ for module in $(IMPORTED); do echo "import $$module"; done | $(BIN)/python -W ignore; \
		$(PYTEST) --collect-only -p no:cacheprovider -qq; } >/dev/null 2>&1 || true
	@touch $@

$(VENV)/script.stamp: $(VENV)/dev.stamp package.json package-lock.json
	@$(NODE) npm ci --silent </dev/null >&2
	@touch $@
