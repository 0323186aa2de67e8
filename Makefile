# Every command a person needs. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
# Build environments of pip obey the same pins as the install itself.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Once quiet hides the progress, twice the warnings; errors are always shown.
PIP := $(BIN)/python -m pip install --quiet --quiet -c constraints.txt
WORKERS ?= 2
# Given to pytest after our own options, for example: make test TESTS=tests/core PYTEST_ARGS='-k tilt'
TESTS ?=
PYTEST_ARGS ?=
# Folder of the training data; it is no part of the repository.
DATA ?= ../shared/data
STARTERS := src/hounsfield/starters
BLIND_SPOT := src/hounsfield/prepare/data

say = @printf '\033[1m==>\033[0m %s\n' $(1)

.PHONY: help setup demo test test-long fuzz soak check bench bench-images bench-learning bench-radiomics bench-nodules docs starters starters-masks blind-spot clean

help: ## list these commands
	@printf 'Hounsfield: make <command>\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# ---- environment: one folder, filled in two stages; a stamp makes the next run fast

$(BIN)/pip:
	$(call say,"Making the environment $(VENV)")
	@for python in $${PYTHON:-} python3.11 python3.12 python3; do \
	    if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then \
	        "$$python" -m venv $(VENV) && exit 0; \
	        echo "$$python could not make an environment. On Debian: apt-get install python3-venv" >&2; exit 1; \
	    fi; \
	done; \
	echo 'Hounsfield needs Python 3.11 or 3.12. Install one, or name it: make PYTHON=/path/to/python3.11' >&2; exit 1

$(VENV)/.stamp-plain: pyproject.toml constraints.txt | $(BIN)/pip
	$(call say,"Installing Hounsfield without torch: about 1 GB and 1 to 3 minutes")
	@$(PIP) -e .
	@touch $@

# torch comes first and by itself, so that no other package can draw in a build with CUDA.
$(VENV)/.stamp-full: pyproject.toml constraints.txt | $(BIN)/pip
	$(call say,"Installing torch for the CPU (1/2): about half a minute")
	@$(PIP) torch==2.13.0
	$(call say,"Installing Hounsfield with what training and testing need (2/2): 2 to 4 minutes")
	@$(PIP) -e '.[train,dev]'
	@touch $(VENV)/.stamp-plain $@

setup: $(VENV)/.stamp-full ## make .venv with everything: analyse, train, test
	$(call say,"Ready: $(BIN)/hounsfield --help")

# ---- what people run

demo: $(VENV)/.stamp-plain ## analyse the built-in example studies, offline, and name the pages written
	$(call say,"Running hounsfield demo")
	@$(BIN)/hounsfield demo -o demo-out

test: $(VENV)/.stamp-full ## run all tests; skipped ones are listed with their reason
	$(call say,"Running the tests on $(WORKERS) processes")
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/pytest -n $(WORKERS) -ra $(PYTEST_ARGS) $(TESTS)

test-long: $(VENV)/.stamp-full ## the tests that take minutes: every example file as a series and a whole training on films
	$(call say,"Long tests")
	@HOUNSFIELD_LONG=all HOUNSFIELD_SWEEP=all OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(WORKERS) tests/image/test_sweep.py tests/train/test_run.py

fuzz: $(VENV)/.stamp-full ## read a thousand files damaged on purpose: no crash, no hang, no growth of memory
	$(call say,"Damaged files")
	@HOUNSFIELD_FUZZ_FILES=$${HOUNSFIELD_FUZZ_FILES:-1000} $(BIN)/pytest -q tests/archive/test_fuzz.py tests/archive/test_fuzz_folders.py

soak: $(VENV)/.stamp-full ## kill a receiving store KILLS times (1000) and audit it; figures in benchmarks/results/soak.json
	$(call say,"Kills")
	@KILLS=$${KILLS:-1000} $(BIN)/python -m benchmarks.soak

# The types are checked beside the tests: one after the other would leave a core idle for two minutes.
check: $(VENV)/.stamp-full ## lint, format, types, floors, house meter, documentation
	$(call say,"Lint (ruff)")
	@$(BIN)/ruff check .
	$(call say,"Format (ruff)")
	@$(BIN)/ruff format --check --quiet .
	$(call say,"Types (mypy --strict) and floors (import-linter) beside house meter and documentation")
	@said=$$(mktemp); trap 'rm -f "$$said"' EXIT; checked=yes; tested=yes; \
	{ $(BIN)/mypy --strict src && $(BIN)/lint-imports --no-logo; } >"$$said" 2>&1 & types=$$!; \
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/pytest -q -n $(WORKERS) tests/house tests/docs || tested=no; \
	wait $$types || checked=no; \
	cat "$$said"; \
	[[ $$checked$$tested == yesyes ]]

docs: $(VENV)/.stamp-full ## run the code of the documentation and check its links
	$(call say,"Documentation: code blocks and links")
	@$(BIN)/pytest -q tests/docs

bench: $(VENV)/.stamp-full ## compare speed and results side by side with peers, one table a run
	@if [ ! -f benchmarks/__main__.py ]; then echo 'No benchmark is written yet (benchmarks/__main__.py).' >&2; exit 1; fi
	$(call say,"Benchmarks")
	@$(BIN)/python -m benchmarks

bench-images: $(VENV)/.stamp-full ## compare the image kernels with their peers; ratios in benchmarks/results/images.json
	$(call say,"Installing the peers that only the benchmarks need")
	@$(PIP) -e '.[bench]'
	$(call say,"Reading and preparing images beside their peers: about 10 minutes on a quiet machine")
	@OMP_NUM_THREADS=2 $(BIN)/python -m benchmarks.images $(PARTS)

# Each peer wants other versions of numpy and pandas, so each has an environment of its own.
build/peers/pyradiomics:
	@$(BIN)/python -m venv $@.partial
	@$@.partial/bin/pip install --quiet --quiet wheel 'setuptools<81' versioneer cython 'numpy<2' SimpleITK PyWavelets pykwalify six
	@$@.partial/bin/pip install --quiet --quiet --no-build-isolation --no-deps pyradiomics==3.0.1
	@mv $@.partial $@

build/peers/mirp:
	@$(BIN)/python -m venv $@.partial
	@$@.partial/bin/pip install --quiet --quiet mirp nyxus
	@mv $@.partial $@

bench-radiomics: $(VENV)/.stamp-full build/peers/pyradiomics build/peers/mirp ## compare extraction with pyradiomics, MIRP and nyxus
	$(call say,"Radiomic features beside their peers: about 10 minutes on a quiet machine")
	@OMP_NUM_THREADS=2 $(BIN)/python -m benchmarks.radiomics $(SIZES)

bench-nodules: $(VENV)/.stamp-full ## put nodules into a real chest CT and print the FROC of the search
	$(VENV)/bin/python benchmarks/nodules.py bench

bench-learning: $(VENV)/.stamp-full ## compare learning with MONAI and Keras; ratios in benchmarks/results/learning.json
	$(call say,"Installing Keras into an environment of its own (build/keras-env)")
	@mkdir -p build
	@[ -x build/keras-env/bin/python ] || $(BIN)/python -m venv build/keras-env
	@PIP_CONSTRAINT= build/keras-env/bin/pip install --quiet keras tensorflow-cpu \
		|| echo 'Keras could not be installed: its row is left out.' >&2
	$(call say,"Learning beside its peers and the peak of every network: about 30 minutes on a quiet machine")
	@OMP_NUM_THREADS=2 GOMP_SPINCOUNT=2000 $(BIN)/python -m benchmarks.learning $(PARTS)

starters: $(VENV)/.stamp-full ## train the starter models again from DATA (default ../shared/data)
	$(call say,"Training the starter models from $(DATA): 10 to 40 minutes")
	@mkdir -p $(STARTERS) build
	@$(BIN)/python starters/build_body_part.py $(DATA) build/body-part
	@$(call train,chest-xray-pneumonia,$(DATA)/chest_xray_pneumonia,2)
	@$(call train,body-part,build/body-part,2)
	@$(call train,brain-mri-tumour,$(DATA)/brain_mri,1)
	@$(call train,lung-nodule-malignancy,$(DATA)/lung_nodule,1)
	@$(call train,breast-ultrasound,$(DATA)/breast_ultrasound,1)
	@$(call train,blood-cells,$(DATA)/blood_cells,1)

starters-masks: $(VENV)/.stamp-full ## train the models of masks (nuclei, retina-vessels, cardiac-mri)
	$(call say,"Training the models of masks from $(DATA): hours on two cores")
	@mkdir -p build
	@$(call train_masks,nuclei,$(DATA)/nuclei) && cp build/nuclei.model $(STARTERS)/
	@$(call train_masks,retina-vessels,$(DATA)/retina_vessels) && cp build/retina-vessels.model $(STARTERS)/
	@$(call train_masks,cardiac-mri,$(DATA)/cardiac_mri)
	@$(call train_masks,cardiac-mri-on,$(DATA)/cardiac_mri) --from build/cardiac-mri.model
	@cp build/cardiac-mri-on.model $(STARTERS)/cardiac-mri.model
	@$(BIN)/python starters/card_cardiac.py $(DATA)/cardiac_mri $(STARTERS)/cardiac-mri.model

train_masks = GOMP_SPINCOUNT=2000 $(BIN)/hounsfield train $(2) -o build/$(1).model \
	--recipe starters/$(1).toml --threads 1

# Threads that wait by spinning take the time of whatever else runs here; the weights are the same either way.
train = GOMP_SPINCOUNT=2000 $(BIN)/hounsfield train $(2) -o build/$(1).model \
	--recipe starters/$(1).toml --threads $(3) && cp build/$(1).model $(STARTERS)/

blind-spot: $(VENV)/.stamp-full ## train the denoising network of the step blind-spot again from DATA, and measure it
	$(call say,"Training and measuring the blind-spot network from $(DATA): 10 to 25 minutes")
	@mkdir -p build
	@OMP_NUM_THREADS=1 $(BIN)/python starters/train_blind_spot.py $(DATA) build/blind-spot --threads 1
	@cp build/blind-spot/blind-spot.onnx build/blind-spot/blind-spot.json $(BLIND_SPOT)/
	@OMP_NUM_THREADS=1 $(BIN)/python starters/card_blind_spot.py $(DATA) build/blind-spot $(BLIND_SPOT)/blind-spot.md

clean: ## remove .venv, caches and what the commands wrote
	@rm -rf $(VENV) demo-out dist build runs bench-out htmlcov .coverage .coverage.* .*_cache .hypothesis
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
