# make                              install what is missing, build, run the digits pipeline, show tables
# make test                         all tests
# make pipeline PIPELINE=lenet-5    run a pipeline; SEED=2 overrides its seed
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := all
.PHONY: all help deps build lib examples test test-kernels test-neon sanitize check check-export \
  check-large format pipeline report results experiment everything bench bench-training bench-kernels bench-costs clean

PIPELINE ?= digits
SEED ?=
BUILD ?= build
THREADS ?=

BIN := .build/release/shrink
FILE := Pipelines/$(PIPELINE).yaml
OPTIONS := --build $(BUILD)$(SEED:%= --seed %)
SWIFT_FLAGS := -c release
# Warnings are errors in a build of its own, so that the everyday one is not made anew.
STRICT := $(if $(CI),,--scratch-path .build/strict)

all: pipeline ## Everything: dependencies, build, default pipeline, tables

help: ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
	  printf '  make %-15s %s\n' "$$name" "$$text"; done
	@echo "  Variables: PIPELINE=$(PIPELINE) SEED=n BUILD=$(BUILD) THREADS=n"
	@echo "  Experiments (NAME=...): $(EXPERIMENTS)"
	@echo "  Pipelines: $(basename $(notdir $(wildcard Pipelines/*.yaml)))"

# System libraries by their pkg-config names, and the Debian packages that have them.
LIBRARIES := libzstd zlib libpng libjpeg
PACKAGES := libzstd-dev zlib1g-dev libpng-dev libjpeg-dev

deps: ## Install missing system packages (Debian, Ubuntu)
	@command -v swift > /dev/null || { echo "swift is not on the PATH; see https://www.swift.org/install" >&2; exit 1; }
	@if command -v pkg-config > /dev/null && pkg-config --exists $(LIBRARIES); then exit 0; fi; \
	packages="pkg-config $(PACKAGES)"; \
	if ! command -v apt-get > /dev/null; then \
	  echo "missing: $$packages; install your system's packages of these" >&2; exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then sudo=sudo; \
	else echo "missing packages, and no rights to install them; run: sudo apt-get install $$packages" >&2; exit 1; fi; \
	echo "installing $$packages"; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq $$packages > /dev/null

build: deps ## Build the command in release mode
	@swift build $(SWIFT_FLAGS) --product shrink

LIBRARY := $(BUILD)/lib/libshrink_engine.so
HEADERS := Sources/CShrinkEngine

# The library holds Swift's runtime and exports the functions of its header only.
lib: deps ## Build the engine for C and other languages: build/lib/libshrink_engine.so, shrink_engine.h
	@swift build $(SWIFT_FLAGS) --product ShrinkEngine
	@mkdir -p $(dir $(LIBRARY))
	@swiftc -emit-library -static-stdlib -use-ld=lld -o $(LIBRARY) \
	  @.build/release/ShrinkEngine.product/Objects.LinkFileList -lzstd \
	  -Xlinker --version-script=$(HEADERS)/shrink_engine.exports \
	  -Xlinker --gc-sections -Xlinker --no-undefined -Xlinker -s
	@cp $(HEADERS)/include/shrink_engine.h $(dir $(LIBRARY))

examples: lib ## Build the examples in C and Python and run them on the digits
	@Examples/check.sh $(dir $(LIBRARY)) $(BUILD)/examples

test: deps ## Run all tests in release mode, the checks of the kernels, and the examples
	swift test $(SWIFT_FLAGS)
	@$(MAKE) --no-print-directory test-kernels
	@if command -v qemu-aarch64 > /dev/null && [ -d /usr/aarch64-linux-gnu/include ]; then \
	  $(MAKE) --no-print-directory test-neon; \
	else echo "Arm kernels not tested: needs the Debian packages qemu-user, gcc-aarch64-linux-gnu"; fi
	@$(MAKE) --no-print-directory examples

# Every variant of the integer kernels against the scalar one, without Swift; CHECK_FLAGS may ask for sanitizers.
KERNELS := Sources/CIntegerKernels
CHECK_KERNELS = clang -std=c17 -O2 -Wall -Wextra $(CHECK_FLAGS) -I$(KERNELS)/include $(wildcard $(KERNELS)/*.c Tests/Kernels/*.c)
ARM := --target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include -static -fuse-ld=lld

test-kernels: ## Compare all integer kernels that this CPU can run with the scalar ones
	@mkdir -p .build && $(CHECK_KERNELS) -o .build/kernels && .build/kernels

test-neon: ## The same for Arm in an emulator (Debian: qemu-user, gcc-aarch64-linux-gnu)
	@mkdir -p .build && $(CHECK_KERNELS) $(ARM) -o .build/kernels-neon && qemu-aarch64 .build/kernels-neon

# C with both sanitizers (half a minute); then C and Swift with that for addresses, in a build of its
# own: Swift itself stops at overflows and at indices outside of arrays. The linker is named since
# the toolchain's clang may know of no other.
SANITIZE := -g -fsanitize=address,undefined -fno-sanitize-recover=all -fuse-ld=lld

sanitize: deps ## Kernel, container and engine tests with every access checked (many minutes)
	@$(MAKE) --no-print-directory test-kernels CHECK_FLAGS="$(SANITIZE)"
	swift test -c release --sanitize address --scratch-path .build/sanitize \
	  --filter 'ContainerTests|InferenceTests|ShrinkEngineTests|ThreadPoolTests'

check: deps ## Format lint, target dependencies, warnings as errors
	swift format lint --strict --recursive Package.swift Sources Tests
	@clang -std=c17 -Wall -Wextra -Werror -fsyntax-only -I$(KERNELS)/include Benchmarks/costs.c
	CI=true swift test list $(SWIFT_FLAGS) $(STRICT) --explicit-target-dependency-import-check error > /dev/null

# What check-export compares on: by default the test part of the digits.
PYTHON ?= python3
DIGITS := Fixtures/digits/digits
EXPORT_DATA ?= --images $(DIGITS)-images-idx3-ubyte.gz --labels $(DIGITS)-labels-idx1-ubyte.gz \
  --data digits --last 500 --pixel-scale 0.0625

check-export: build ## Compare exported models of PIPELINE with ONNX Runtime (Python: onnx, onnxruntime)
	@$(PYTHON) Fixtures/onnx/check_export.py --shrink $(BIN) $(EXPORT_DATA) \
	  $(wildcard $(BUILD)/$(PIPELINE)/*/checkpoint.safetensors $(BUILD)/$(PIPELINE)/model.shrink)

check-large: build ## Run VGG-16 through all stages and fail above 4 GiB of memory (about 5 minutes)
	@$(PYTHON) Benchmarks/large.py $(BIN)

format: ## Format all Swift sources
	swift format --in-place --recursive Package.swift Sources Tests

pipeline: build ## Run the stages of PIPELINE that have to run, then show its tables
	@stages=$$($(BIN) plan $(FILE) $(OPTIONS)); \
	$(MAKE) --no-print-directory -f "$$stages" SHRINK="$(BIN)" THREADS="$(THREADS)"
	@$(BIN) report $(FILE) $(OPTIONS)

report: build ## Show the tables of PIPELINE again
	@$(BIN) report $(FILE) $(OPTIONS)

NAME ?=
EXPERIMENTS := $(basename $(notdir $(wildcard Pipelines/experiments/*.yaml)))

experiment: build ## Run the grid of pipelines NAME, then write its table and plot to docs/experiments
	@if [ ! -f "Pipelines/experiments/$(NAME).yaml" ]; then \
	  echo "make experiment NAME=...; there are: $(EXPERIMENTS)" >&2; exit 1; fi
	@$(BIN) experiment Pipelines/experiments/$(NAME).yaml --build $(BUILD) $(THREADS:%=--threads %)

everything: ## Run every pipeline, those at few bits with three seeds, then RESULTS.md
	@for name in $(basename $(notdir $(wildcard Pipelines/*.yaml))); do \
	  $(MAKE) --no-print-directory pipeline PIPELINE=$$name; done
	@for name in lenet-300-100-lowbit lenet-5-lowbit; do for seed in 2 3; do \
	  $(MAKE) --no-print-directory pipeline PIPELINE=$$name SEED=$$seed; done; done
	@$(MAKE) --no-print-directory results

results: build ## Add the reports of the pipelines that have run here to Results and RESULTS.md
	@$(BIN) results $(wildcard $(BUILD)/*/report.json) --output RESULTS.md

# Other engines live in environments of their own. PEERS=deepsparse adds DeepSparse, whose licence
# allows evaluation only.
PEER_FOLDER := $(BUILD)/bench
PEERS ?=
QUICK ?=
ONLY ?=
ISA ?=
PAGE ?=
PEER_PYTHON ?= $(PEER_FOLDER)/venv/bin/python
DEEPSPARSE_PYTHON ?= $(PEER_FOLDER)/deepsparse/bin/python
PEER_REQUIREMENTS := Benchmarks/engine/requirements

bench: build lib ## Time the engine against others, in one run; QUICK=1 does six networks, ISA=avx2 less than the CPU can; PAGE=name of its page
	@swift build $(SWIFT_FLAGS) --product EngineBenchmark
	@mkdir -p $(PEER_FOLDER)/models
	@if ! $(PEER_PYTHON) -c 'import ai_edge_litert, onnxruntime, openvino, scipy' 2> /dev/null; then \
	  python3 -m venv $(PEER_FOLDER)/venv && \
	  $(PEER_FOLDER)/venv/bin/pip install -q -r $(PEER_REQUIREMENTS).txt; fi
	@if [ "$(PEERS)" = deepsparse ] && ! $(DEEPSPARSE_PYTHON) -c 'import deepsparse' 2> /dev/null; then \
	  python3 -m venv $(PEER_FOLDER)/deepsparse && \
	  $(PEER_FOLDER)/deepsparse/bin/pip install -q -r $(PEER_REQUIREMENTS)-deepsparse.txt; fi
	@.build/release/EngineBenchmark files $(PEER_FOLDER)/models
	@$(PEER_PYTHON) -W ignore Benchmarks/engine/models.py $(BIN) $(PEER_FOLDER)/models $(ONLY:%=--only %)
	@$(PEER_PYTHON) Benchmarks/engine/bench.py --models $(PEER_FOLDER)/models --library $(LIBRARY) \
	  --output $(PEER_FOLDER) --docs docs $(QUICK:%=--quick) $(ONLY:%=--only %) $(ISA:%=--isa %) $(PAGE:%=--page %) \
	  $(if $(filter deepsparse,$(PEERS)),--deepsparse $(DEEPSPARSE_PYTHON))

# PyTorch lives in an environment of its own; TORCH names another build of it, such as one without CUDA.
TORCH ?= torch
BENCH := $(BUILD)/bench-training

bench-training: deps ## Time training steps against PyTorch, in one run (about 10 minutes)
	@swift build $(SWIFT_FLAGS) --product TrainingBenchmark
	@mkdir -p $(BENCH)
	@if ! $(BENCH)/venv/bin/python -c 'import torch, numpy' 2> /dev/null; then \
	  python3 -m venv $(BENCH)/venv && $(BENCH)/venv/bin/pip install -q $(TORCH) numpy; fi
	@$(BENCH)/venv/bin/python Benchmarks/training.py .build/release/TrainingBenchmark --json $(BENCH)/figures.json

bench-kernels: deps ## Time single layers against a dense float product (about a minute)
	@swift build $(SWIFT_FLAGS) --product KernelBenchmark
	@.build/release/KernelBenchmark

bench-costs: ## Measure what the engine's plan takes kernels to cost on this CPU (a minute)
	@mkdir -p .build && clang -std=c17 -O2 -Wall -Wextra -I$(KERNELS)/include $(wildcard $(KERNELS)/*.c) Benchmarks/costs.c -o .build/costs
	@.build/costs

clean: ## Remove what was built, all runs below build, and the environments of benchmarks
	rm -rf .build $(addprefix $(BUILD)/,lib examples experiments bench bench-training check-large) \
	  $(sort $(dir $(wildcard $(BUILD)/*/stages.mk $(BUILD)/*/report.json)))
