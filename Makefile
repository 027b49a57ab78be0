# Everything a clone needs: `make demo` to see it work, `make test` to check it. Both make .venv and install what they
# need, once; they install again when pyproject.toml or constraints.txt has changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
BIN := $(VENV)/bin

# `make demo TORCH=cpu` installs PyTorch's build without CUDA first, from wherever pip is configured to find it;
# `make demo TORCH=none` installs no PyTorch at all: ONNX Runtime runs the networks. Everything but `demo` needs PyTorch.
TORCH ?=
INSTALLED := $(VENV)/.installed$(TORCH:%=-%)
PACKAGES := -e '.[dev]'
LIGHT :=
ifeq ($(TORCH),cpu)
TORCH_BUILD := $(shell sed -n 's/^\(torch\(vision\)\{0,1\}==[0-9.]*\).*/\1+cpu/p' constraints.txt)
else ifeq ($(TORCH),none)
PACKAGES := -r requirements-light.txt hatchling editables
LIGHT := yes
else ifneq ($(TORCH),)
$(error TORCH=$(TORCH): write TORCH=cpu or TORCH=none, or leave it out)
endif

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Draw a sample catalogue and identify phone photos of its pins
	$(BIN)/znachki demo --data out/demo

test: check $(INSTALLED) ## Check style and types, run every test, the wheel and the notebooks among them
	$(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal --durations=10
	$(BIN)/pytest -m slow -n auto --maxprocesses 8 --dist loadfile --durations=10

check: $(INSTALLED) ## Check style and types only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

install: $(INSTALLED) ## Make .venv with znachki in it
	@echo "znachki is in $(BIN): . $(BIN)/activate; znachki import TABLE; znachki index; znachki identify PHOTO, or znachki serve --open"

wheel: $(INSTALLED) ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

benchmark: $(INSTALLED) ## Time import, index and identify on the drawn sample
	$(BIN)/python benchmarks/speed.py

measure: $(INSTALLED) ## Measure recall on real photos, those of ZNACHKI_REAL_DATA or ../shared/data
	$(BIN)/python benchmarks/measure.py

picture: $(INSTALLED) ## Draw docs/identified.jpg, the picture of the README, and the walk through one photo anew
	$(BIN)/python docs/draw_picture.py
	$(BIN)/python docs/draw_walk.py

pages: $(INSTALLED) ## Draw docs/pages, pictures of the pages in Chromium, anew
	$(BIN)/python docs/draw_pages.py

icons: $(INSTALLED) ## Draw the icons of the page anew
	$(BIN)/python docs/draw_icons.py

words: $(INSTALLED) ## Bring the catalogues of recognizer/locales up to what page and reports say
	mkdir -p out
	@# Babel leaves a header out, or fills it with dates and names: each catalogue keeps the one that it has.
	for po in recognizer/locales/*/LC_MESSAGES/znachki.po; do sed '/^#[:,]/,$$d' $$po > $$po.head; done
	$(BIN)/pybabel -q extract -F pyproject.toml --no-default-keywords -k t -k said -k phrase -k told:2 -k aria -k noun:1,2 \
		--omit-header --sort-output --no-wrap --add-location=file -o out/znachki.pot recognizer
	$(BIN)/pybabel -q update -D znachki -d recognizer/locales -i out/znachki.pot --no-wrap --omit-header --ignore-obsolete \
		--no-fuzzy-matching
	for po in recognizer/locales/*/LC_MESSAGES/znachki.po; do cat $$po >> $$po.head && mv $$po.head $$po; done

readme: $(INSTALLED) ## Run the README's commands and put in what they print
	$(BIN)/python tests/test_readme.py

$(INSTALLED): pyproject.toml constraints.txt requirements-light.txt
	@test -x $(BIN)/python || for python in python3.11 python3 python3.12 python3.13 none; do \
		test $$python != none || { echo "no Python from 3.11 on; install Python 3.11" >&2; exit 1; }; \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		$$python -m venv $(VENV) && break; \
		echo "Python has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; \
	done
	@echo "Installing what znachki needs into $(VENV), once$(if $(filter none,$(TORCH)),,; torch is large, this takes minutes)"
	@test -z '$(TORCH_BUILD)' || $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
		$(TORCH_BUILD) || { echo "pip finds no CPU build of torch; give its index in PIP_EXTRA_INDEX_URL," \
		"as PyTorch's own install page names it, or leave TORCH=cpu out" >&2; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt $(PACKAGES)
	test -z '$(LIGHT)' || $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-deps -e .
	@touch $@

clean: ## Remove what was made here, .venv and data/ excepted
	rm -rf out build dist .pytest_cache .ruff_cache .mypy_cache *.egg-info
	find recognizer training index tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove .venv too
	rm -rf $(VENV)

.PHONY: help demo test check install wheel benchmark measure picture pages icons words readme clean distclean
