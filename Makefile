# Every target prepares what it needs; when nothing has changed that takes a moment and no network.
PYTHON ?= python3
JOBS ?= auto
.PHONY: demo test check bench browser fuzz soak prove windows sbom licences wheel deb formula docs proto setup starter embedding format lock vsix clients editors

demo: starter # one answer from a local model, from nothing
	.venv/bin/hob run --temperature 0 --max-tokens 80 "Why is the sky blue? Answer in one sentence."

test: starter embedding # all tests, on at most four cores; JOBS=0 for one after another
	.venv/bin/pytest --numprocesses $(JOBS) --maxprocesses 4 --dist loadfile

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

docs: setup # the site, to build/site; it needs no network, neither now nor when it is read
	@.venv/bin/mkdocs build --quiet && echo build/site/index.html

wheel: setup # hob's own wheel and source, to build/
	@.venv/bin/uv build --quiet --offline --no-build-isolation --out-dir build && ls build/hob-*

formula: setup # a Homebrew formula for a source archive at URL=, to build/
	@.venv/bin/python scripts/formula "$(URL)"

deb: setup # a Debian package, to build/
	@.venv/bin/python scripts/deb

licences: setup # the licence of every locked package, checked
	@.venv/bin/python scripts/licences

proto: setup # generate the stubs again after editing a .proto
	scripts/proto

vsix: # the VS Code extension, to build/hob.vsix; needs Node 20 and npm
	@scripts/vsix

clients: setup # litellm and aider against the gateway; installs them first, into .cache
	@.venv/bin/python scripts/clients
	.venv/bin/pytest -m client -rs

editors: starter # the extension in a real VS Code; provisions it first, and needs Chromium
	@scripts/editors
	.venv/bin/pytest -m editor -rs

format: setup
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

lock: setup # pin the newest versions that pyproject.toml allows
	scripts/lock

setup:
	@$(PYTHON) scripts/setup

starter: setup
	@$(PYTHON) scripts/starter_model

browser: setup # a headless Chromium for the tests of the gateway's page
	@.venv/bin/python scripts/browser

embedding: setup # the model that tests of vectors ask; `scripts/embedding_model --install` offers it to the daemon
	@.venv/bin/python scripts/embedding_model
