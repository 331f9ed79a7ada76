# Every target works from a fresh clone: the environment is made first where it is missing.
# Works with GNU make and any POSIX shell, in folders with spaces in their names.

PYTHON ?=
RUN = runs/cue-pursuit
PYTEST = .venv/bin/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help env demo test slow lint tex lock clean

help:
	@printf '%s\n' \
	  'dopafit: what do your data say about the baseline, the peak and the trough?' \
	  '' \
	  '  make demo    fit the bundled study and write $(RUN)/report.html' \
	  '  make test    run the tests (without the slow statistical ones)' \
	  '  make slow    run the slow statistical tests: recovery and calibration' \
	  '  make lint    check the style of the code' \
	  '  make tex     compile the tables of $(RUN) with pdflatex, which is not part of the environment' \
	  '  make lock    resolve requirements.lock again from pyproject.toml' \
	  '  make clean   remove the environment and the caches; runs/ is kept' \
	  '' \
	  'Python 3.12 or newer is looked for; PYTHON=/path/to/python3 chooses one.'

# The stamp holds the folder it was made in: an environment that was moved or copied here
# still points at the old code, so it is made again.
ifneq ($(shell cat .venv/.ready 2>/dev/null),$(shell pwd -P))
.PHONY: .venv/.ready
endif

.venv/.ready: requirements.lock pyproject.toml tools/bootstrap.sh
	@PYTHON="$(PYTHON)" sh tools/bootstrap.sh

env: .venv/.ready

demo: .venv/.ready
	@echo '==> dopafit run analyses/cue-pursuit/analysis.yaml --out $(RUN)'
	@.venv/bin/dopafit run analyses/cue-pursuit/analysis.yaml --out $(RUN)
	@printf '\n==> done. Open the report in a browser:\n    %s\n' "$$(pwd)/$(RUN)/report.html"

test: .venv/.ready
	@echo '==> pytest (the slow ones are left out; make slow runs them)'
	@$(PYTEST) -q --durations=10 --durations-min=1 -m 'not slow' -n 2 --dist loadfile

slow: .venv/.ready
	@echo '==> pytest, slow statistical tests only'
	@$(PYTEST) -q --durations=10 -m slow

lint: .venv/.ready
	@.venv/bin/ruff check .

tex: .venv/.ready
	@.venv/bin/python tools/tex.py $(RUN)

# needs uv but not an up-to-date environment: the lock is what it is about to write
lock: | .venv/bin/uv
	@echo '==> resolving pyproject.toml into requirements.lock'
	@.venv/bin/uv pip compile -q --generate-hashes --no-header --group dev \
	  --python .venv/bin/python pyproject.toml -o requirements.lock
	@echo '==> done. The next make installs what changed.'

.venv/bin/uv:
	@PYTHON="$(PYTHON)" sh tools/bootstrap.sh

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
