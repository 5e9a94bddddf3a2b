# Every target prepares what it needs; when nothing has changed that takes a moment and no network.
PYTHON ?= python3
.PHONY: demo test check bench fuzz soak prove windows sbom licences proto setup starter embedding format lock

demo: starter # one answer from a local model, from nothing
	.venv/bin/hob run --temperature 0 --max-tokens 80 "Why is the sky blue? Answer in one sentence."

test: starter embedding # all tests
	.venv/bin/pytest

check: setup # style, types, import rules, structure
	.venv/bin/python scripts/check

bench: starter # what hob costs, and how it does against llama-server, which is compiled first
	.venv/bin/python -m benchmarks --write benchmarks --tools "$$($(PYTHON) scripts/peer)"

fuzz: setup # thousands of odd requests at real workers; SEED=2 for others
	.venv/bin/python -m tests.fuzz --requests 10000 --seed $(or $(SEED),1)

prove: starter # the five proofs of SECURITY.md, with a report of what was seen; some need root
	.venv/bin/pytest -m proof --no-header -p no:cacheprovider

soak: setup # rough traffic, kills and standstills over three models with room for two; SECONDS=60 for less
	.venv/bin/python -m tests.soak --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1)

windows: setup # the daemon and the CLI on Windows' Python under Wine, which is fetched first (Debian 12, 1.4 GB)
	@.venv/bin/python scripts/windows
	.venv/bin/pytest -m windows tests/windows

sbom: setup # the bill of materials of a release, in CycloneDX, to build/
	@.venv/bin/python scripts/sbom

licences: setup # the licence of every locked package, checked
	@.venv/bin/python scripts/licences

proto: setup # generate the stubs again after editing a .proto
	scripts/proto

format: setup
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

lock: setup # pin the newest versions that pyproject.toml allows
	scripts/lock

setup:
	@$(PYTHON) scripts/setup

starter: setup
	@$(PYTHON) scripts/starter_model

embedding: setup # the model that tests of vectors ask; `scripts/embedding_model --install` offers it to the daemon
	@.venv/bin/python scripts/embedding_model
