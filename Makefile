# Every target first makes sure that .venv holds what it needs; a ready .venv costs it no second.
PYTHON ?= python3
ENVIRONMENT = $(PYTHON) tools/environment.py
VENV = .venv/bin

.DEFAULT_GOAL := help
.PHONY: help book lab reset handout test notebooks studies bench gpu lint constraints clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

book: ## Build the book and say where to open it; without solutions, SOLUTIONS=no
	@$(ENVIRONMENT) book
	@$(VENV)/python tools/book.py

lab: ## Open your copies of the notebooks in JupyterLab, with LAB_OPTIONS=... of its own
	@$(ENVIRONMENT) run lab
	@$(VENV)/python tools/my_notebooks.py lab $(LAB_OPTIONS)

reset: ## Renew your copy of one notebook, CHAPTER=name; the old one is kept beside it
	@$(ENVIRONMENT) run lab
	@$(VENV)/python tools/my_notebooks.py reset $(CHAPTER)

handout: ## Notebooks and printable pages without solutions and results, and notes for teachers; one with CHAPTER=name
	@$(ENVIRONMENT) run lab test
	@$(VENV)/python tools/handout.py $(CHAPTER)

test: ## Run every test
	@$(ENVIRONMENT) run book test cluster bench
	@$(VENV)/python tools/test.py

notebooks: ## Make the notebooks, run those whose code has changed; one with CHAPTER=name, run all with RUN=1
	@$(ENVIRONMENT) run test
	@$(VENV)/python tools/notebooks.py $(if $(RUN),--run) $(CHAPTER)
	@$(VENV)/python tools/readme.py

studies: ## Run, or go on with, the long experiments; QUICK=1 a taste, JOBS=4 processes, DASK=tcp://... a cluster
	@$(ENVIRONMENT) run $(if $(DASK),cluster)
	@for study in lessons_lib/results/forecasts/*.json; do \
		[ -f studies/$$(basename $$study .json).py ] || continue; \
		$(VENV)/python -m studies.$$(basename $$study .json) $(if $(QUICK),--quick) \
			$(if $(JOBS),--jobs $(JOBS)) $(if $(DASK),--dask $(DASK)) || exit 1; \
	done
	@$(VENV)/python tools/results_page.py
	@$(VENV)/python tools/which_page.py

gpu: ## Run every notebook on this machine's GPU, and compare; the page on speed is renewed
	@$(ENVIRONMENT) run test
	@$(VENV)/python tools/gpu.py $(CHAPTER)
	@$(VENV)/python tools/speed_page.py

bench: ## Time the encoder, two real jobs and writing beside other libraries', renew the book's tables; a taste with QUICK=1
	@$(ENVIRONMENT) run test bench
	@$(VENV)/python -m bench.encoder $(if $(QUICK),--quick) $(if $(COMPILE),--compile)
	@$(VENV)/python -m bench.real_job $(if $(QUICK),--quick)
	@$(VENV)/python -m bench.generation $(if $(QUICK),--quick)
	@$(VENV)/python tools/speed_page.py

lint: ## Check the code's style
	@$(ENVIRONMENT) test
	@$(VENV)/ruff check lessons_lib studies bench tools tests
	@$(VENV)/ruff format --check lessons_lib studies bench tools tests

constraints: ## Resolve into constraints.txt what no longer fits; all versions anew with UPGRADE=1
	@$(PYTHON) tools/constraints.py $(if $(UPGRADE),--upgrade)

clean: ## Delete the built book and the environment
	rm -rf _build .venv
