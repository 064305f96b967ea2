# Every target does its own set-up, in .venv; nothing is installed outside it.

PYTHON ?= python3
# The PyTorch release used for the tests.
TORCH  ?= torch==2.13.0
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

# For `make model`: colour photographs, the hours of steps in each of its ten stages, and the
# width of `fusion` and `vivid`. The shipped ones have half the paper's channels; on a GPU use WIDTH=1.
PHOTOS ?=
HOURS  ?= 3
WIDTH  ?= 0.5
LICENSE ?= unstated

.PHONY: demo test lint format model bench fuzz clean

demo: $(VENV)/core.stamp  ## colour the sample photograph
	$(BIN)/colorize samples/camera.png -o demo/camera.png --force
	@echo "The photograph in colour: $(CURDIR)/demo/camera.png"

test: $(VENV)/dev.stamp  ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/dev.stamp  ## run ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy colorcli

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

model: $(VENV)/lite.stamp  ## train the shipped models anew, ten times HOURS: make model PHOTOS=folder HOURS=3
	@test -n "$(PHOTOS)" || { echo "give the photographs: make model PHOTOS=folder" >&2; exit 2; }
	test -f runs/with-faces/split.csv || { $(BIN)/colorize data faces $(PHOTOS) -o runs/with-faces $(SOME) && test -f runs/with-faces/split.csv; }
	$(call train,fusion-small,--size 112 --batch 64 --optimizer muon $(PLATES) --objective mse,runs/with-faces)
	$(call train,fusion-mid,$(LAST) --init runs/fusion-small --objective mse,runs/with-faces)
	$(call train,fusion-long,$(LAST) --init runs/fusion-mid --objective mse,runs/with-faces)
	$(call train,fusion,$(LAST) $(DROP) --init runs/fusion-long --objective mse,runs/with-faces)
	$(call train,vivid,$(LAST) --init runs/fusion-long --objective mse-distribution,runs/with-faces)
	$(call train,lifelike-mse,$(LITE) --size 128 --crop-min 0.25 --objective mse)
	$(call train,lifelike-old,$(LITE) $(OLD) --size 192 --batch 40 --init runs/lifelike-mse --objective mse)
	$(call train,lifelike-faces,$(LITE) $(OLD) --size 192 --batch 40 --init runs/lifelike-old --objective mse,runs/with-faces)
	$(call train,lifelike-drop,$(LITE) $(OLD) $(DROP) --size 192 --batch 40 --init runs/lifelike-faces --objective mse,runs/with-faces)
	$(call train,lifelike,$(LITE) $(OLD) --size 192 --batch 40 --dropout 0.15 --init runs/lifelike-drop --objective distance --rebalance 0.9,runs/with-faces)
	$(call ship,fusion)
	$(call ship,vivid,--vividness 1.2 --blend runs/fusion-long --share 0.5)
	$(call ship,lifelike,--vividness 1.46 --blend runs/lifelike-drop --share 0.75)
	$(BIN)/colorize compare models/fusion models/vivid models/lifelike $(PHOTOS) -o runs/comparison --force $(SOME)

# Most of the training is on small views, which cost a third; the rest on larger ones.
LAST := --size 160 --batch 48 --optimizer muon --crop-min 0.25 $(PLATES) --learning-rate 0.0007

# Its trunk has only the width that its weights were trained with.
LITE := --network fusion-lite --width 1 --batch 48

# Against overfitting.
DROP := --optimizer muon --dropout 0.3 --weight-decay 0.3

# L as old plates and films recorded it.
PLATES := --degrade 0.4 --emulsion 0.25
OLD := --crop-min 0.25 $(PLATES) --learning-rate 0.0005

# Status 1: some photos could not be read, and were reported. No reason to stop after hours.
SOME := || [ $$? -eq 1 ]

# train NAME,OPTIONS[,PHOTOS]: resumes an interrupted run with its original options; a finished run
# stays as it is.
define train
	if test -f runs/$(1)/checkpoint.pt; then set -- --resume; \
	else set -- --width $(WIDTH) --epochs 100 --degrade 0.5 --crop-min 0.4 $(2); fi; \
	$(BIN)/colorize train $(or $(3),$(PHOTOS)) --out runs/$(1) --hours $(HOURS) "$$@"
endef

define ship
	$(BIN)/colorize export runs/$(1) -o models/$(1) --force --license "$(LICENSE)" --trained-on "$(PHOTOS)" $(2)
	$(BIN)/colorize evaluate models/$(1) $(PHOTOS) $(SOME)
endef

# single_graph.py and straightforward.py are helpers for the other scripts.
WITHOUT_PHOTOS := cold_start folder engines networks floor tiles memory sessions
WITH_PHOTOS := sizes hues aged edges faces training

bench: $(VENV)/dev.stamp  ## the paper's table of times, and all comparisons; with PHOTOS=folder also of quality
	$(BIN)/colorize bench
	set -e; for name in $(WITHOUT_PHOTOS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done
	$(BIN)/python benchmarks/precisions.py fusion
	set -e; for name in $(if $(PHOTOS),$(WITH_PHOTOS)); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py $(PHOTOS); done

fuzz: $(VENV)/dev.stamp  ## run the readers on broken files for ten minutes
	$(BIN)/python tests/photo/fuzz.py --seconds 600 --keep fuzz-failures

clean:
	rm -rf $(VENV) demo build dist

$(VENV)/core.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -e .
	touch $@

$(VENV)/dev.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet "$(TORCH)"
	$(PIP) install --quiet -e '.[dev]'
	touch $@ $(VENV)/core.stamp

$(VENV)/lite.stamp: $(VENV)/dev.stamp
	$(PIP) install --quiet -e '.[lite]'
	touch $@
