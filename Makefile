# The verbs of a contributor. `make check` is what CI runs first, `make
# integration` second; the README says what each needs.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
LINT := .cache/golangci-lint

.PHONY: build check test lint fmt generate deploy cross integration release release-check bench fuzz clean

build: ## the static binary, in bin/agent
	CGO_ENABLED=0 GOWORK=off go build -trimpath -ldflags '$(LDFLAGS)' -o bin/agent ./cmd/agent

check: lint test ## everything that needs Go alone

test:
	go test -race -shuffle=on -timeout 30m ./...

lint: $(LINT)
	@bad=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$bad" || { echo "not gofmt'd: $$bad"; exit 1; }
	go vet ./...
	$(LINT) run ./...

# The linter is a module of its own, so that go.mod shows what the binary is made of.
$(LINT): tools/go.mod tools/go.sum
	cd tools && GOWORK=off go build -o ../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

fmt:
	gofmt -w $$(git ls-files '*.go')

generate: ## references and golden files that are made from the code
	go test ./docs -run TestGeneratedPagesAreCurrent -update
	go test ./pkg/catalog ./contrib -update
	go test ./pkg/sinks/elasticsearch -run TestContribHasTheTemplates -update

deploy: ## render chart and kustomize base into Kubernetes' own types, and judge the unit
	cd deploy/test && GOWORK=off go test -timeout 20m ./...

cross: ## build for the systems that no test runs on
	@for t in linux/arm64 darwin/arm64 windows/amd64; do echo $$t; \
	  CGO_ENABLED=0 GOWORK=off GOOS=$${t%/*} GOARCH=$${t#*/} go build -o /dev/null ./cmd/agent || exit 1; done

release: ## archives, SBOM and checksums, in dist/
	deploy/release/build.sh dist

release-check: ## build a release twice, and compare the bytes
	deploy/release/check.sh

integration: ## against real servers: needs a JDK with Maven, Python and Chromium as well
	go test -tags integration -timeout 40m -p 1 ./integration/...

bench:
	go test -run '^$$' -bench . -benchmem ./pkg/...

fuzz: ## every fuzz target for a short while
	@for p in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do \
	  echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$p || exit 1; done; done

clean:
	rm -rf bin dist .cache
