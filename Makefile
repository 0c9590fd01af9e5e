# Each target is a script that also runs by itself. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo run test check lint fuzz bench bench-auth bench-ratelimit bench-retry release-rehearsal clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## run the full service on embedded defaults and walk the main job through it
	@scripts/demo.sh

run: ## leave the full service serving, with development identities
	@scripts/run.sh

test: ## every test of every module, with real servers, then the demo
	@scripts/test.sh

check: ## lint, short fuzzing, release rehearsal
	@scripts/check.sh

lint: ## golangci-lint, gofumpt, go fix, each module by itself
	@scripts/lint.sh

fuzz: ## every fuzz target for FUZZTIME (default 60s)
	@scripts/fuzz.sh

bench: ## every benchmark matching BENCH (default: all)
	@scripts/bench.sh

bench-auth: ## the table of token verification against its peers
	@scripts/bench-auth.sh

bench-ratelimit: ## the tables of rate limits against their peers
	@scripts/bench-ratelimit.sh

bench-retry: ## the tables of retries against their peers
	@scripts/bench-retry.sh

release-rehearsal: ## publish to a local proxy, go get it, and print what it costs
	@scripts/release-rehearsal.sh

clean: ## remove what the project built or downloaded
	rm -rf .cache internal/integration/*/node_modules
