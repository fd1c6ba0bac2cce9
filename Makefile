# Two commands: `make run` and `make test`.
.PHONY: help run test bench profile soak fuzz fmt lint prepare clean-data

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: ## set everything up and run the relay until Ctrl-C
	@scripts/run

test: ## run every test against a private Redis and Postgres
	@scripts/services with test scripts/test

bench: ## measure ingest, queries, live delivery, fan-out, idle connections and floods
	@scripts/bench

profile: ## count what is busy in the code under that load: release builds are laid out by it
	@scripts/profile

soak: ## inject faults again and again, for an hour
	@scripts/services with test scripts/soak

fuzz: ## throw random input at everything that strangers can reach, a minute each
	@scripts/fuzz

fmt: ## format the code
	cargo fmt --all

lint: ## what CI checks besides the tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --workspace --lib --profile test --features relay-ws/shuttle,switchyard-store/shuttle -- -D warnings
	cargo deny check bans licenses sources

prepare: ## note anew what Postgres says about the statements that are checked at compile time
	@scripts/services with test scripts/prepare

clean-data: ## stop the private services and delete their data
	@for name in run test bench; do scripts/services delete $$name; done
