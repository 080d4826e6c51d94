# make demo   installs what it needs into .venv and runs the main job on a picture and a video
# make test   the same environment, then the test suite
# make lint   style and types
# make docs   the documentation as a site, build/site/index.html
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint docs clean

$(STAMP): setup.py blazepose_tf/__init__.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[all,test,docs]"
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/blazepose predict --input=testdata/people/images --input=testdata/person.mp4 --output=demo_output
	@echo "drawings and numbers: demo_output/"

# A worker that dies ends the run; xdist would wait for the rest of its tests for ever.
test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --dist=loadfile --max-worker-restart=0

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) demo_output build dist *.egg-info
