# l2tpvl: `make help` lists the targets.

GO                    ?= go
GOFUMPT_VERSION       := v0.12.0
GOLANGCI_LINT_VERSION := v2.15.0
NFPM_VERSION          := v2.44.0
MISSPELL_VERSION      := v0.8.0
FUZZTIME              ?= 3s
TAG                   ?= latest

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Without a tag, a version that is lower than all releases and grows with time.
PACKAGE_VERSION ?= $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed -n 's/^v//; s/-/+/gp' | grep . || \
	git log -1 --date=format-local:%Y%m%d%H%M%S --format='0~%cd.%h' 2>/dev/null || echo 0)

# Tools are built once, each version in a folder of its own.
TOOLS         := $(CURDIR)/bin/tools
NFPM          := $(TOOLS)/nfpm-$(NFPM_VERSION)/nfpm
GOFUMPT       := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)/gofumpt
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
MISSPELL      := $(TOOLS)/misspell-$(MISSPELL_VERSION)/misspell

# How to run a program that creates network namespaces.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,-exec 'sudo -E env PATH=$(PATH)')

.PHONY: help build image man package check fmt lint prose fuzz test test-unit test-netns test-vm test-compose test-package vm-shell bench-control bench-kernel test-scale demo demo-vm deps clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

build: ## build bin/l2tpvld and bin/l2tpvl-ctl, static
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/...

image: build ## build the container images l2tpvl and l2tpvl-customer (a host for the example)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/ ./integration/compose/customer
	docker build --tag l2tpvl:$(TAG) .
	docker build --tag l2tpvl-customer:$(TAG) --file integration/compose/customer/Dockerfile .

man: build ## write the manual pages of l2tpvl-ctl into bin/package/man
	rm -rf bin/package/man/man1
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) bin/l2tpvl-ctl man bin/package/man/man1

package: build man $(NFPM) ## build a .deb and an .rpm into bin/packages
	mkdir -p bin/packages bin/package/man
	for shell in bash fish zsh; do bin/l2tpvl-ctl completion $$shell >bin/package/$$shell || exit 1; done
	for format in deb rpm; do \
		PACKAGE_VERSION=$(PACKAGE_VERSION) PACKAGE_ARCH=$$($(GO) env GOARCH) \
			$(NFPM) package --config configs/package/nfpm.yaml --packager $$format --target bin/packages/ || exit 1; \
	done

check: fmt lint prose fuzz ## check formatting, linters, import rules and English; run each fuzz test briefly

fmt: $(GOFUMPT)
	@unformatted=$$($(GOFUMPT) -l .) && if [ -n "$$unformatted" ]; then \
		echo "not formatted by gofumpt:" $$unformatted; exit 1; fi

# Packages that do not depend on Linux, neither directly nor indirectly. They must pass vet for
# another system.
PURE := ./endid ./l2tp/... ./ppp ./session ./config/...

lint: $(GOLANGCI_LINT)
	$(GO) vet ./...
	GOOS=darwin $(GO) vet $(PURE)
	$(GOLANGCI_LINT) run ./...

prose: $(MISSPELL) ## check words, width and spelling of comments, messages, documents and commit subjects
	$(GO) run ./scripts/prose
	$(MISSPELL) -error $$(git ls-files --cached --others --exclude-standard)

fuzz: ## run each fuzz test for FUZZTIME (3s)
	GO="$(GO)" scripts/fuzz $(FUZZTIME)

test: deps test-unit test-netns test-vm test-compose test-package ## run all tests

test-unit: ## run the tests of the packages
	$(GO) test -race $$($(GO) list ./... | grep -v -E '/integration|/dataplane/kernel$$')

test-netns: ## test two PEs in network namespaces; needs root
	$(GO) test -race -p 1 -count 1 -timeout 15m $(AS_ROOT) $$($(GO) list ./integration/... | grep -v -E '/integration/(vm|pppd|compose|package)')

test-vm: ## run the tests that need Debian's kernel, in a virtual machine
	VM_TIMEOUT=1500 $(GO) test -p 3 -count 1 -timeout 30m ./integration/vm/... ./integration/pppd/... ./dataplane/kernel

test-compose: ## test two PEs and their customers as containers; needs Docker
	scripts/deps compose
	$(GO) test -count 1 -timeout 15m ./integration/compose

test-package: $(NFPM) ## install, run under systemd, upgrade and remove the packages; needs Docker
	scripts/deps package
	$(GO) test -count 1 -timeout 20m ./integration/package

vm-shell: ## start a shell in the virtual machine
	@integration/vm/run -t

COUNT ?= 5
bench-control: ## measure two daemons with 10,000 links, COUNT (5) times each: speed, memory, recovery
	$(GO) test -run '^$$' -bench '^BenchmarkControl$$' -benchtime 1x -count $(COUNT) -timeout 1h ./integration/bench

SESSIONS ?= 500
PAIRS    ?= 50
bench-kernel: ## measure in the virtual machine: SESSIONS (500) of the kernel; PAIRS (50) of links by l2tpvld, and by xl2tpd with pppd
	$(GO) test -run '^$$' -bench . -benchtime $(SESSIONS)x -timeout 20m ./dataplane/kernel
	VM_MEMORY=4096 VM_TIMEOUT=3600 $(GO) test -run '^$$' -bench . -benchtime $(PAIRS)x -timeout 1h ./integration/vm/scale

LINKS ?= 2000
test-scale: ## test LINKS (2000) links between two daemons in the virtual machine: set up, kill a daemon, recover, shut down
	VM_MEMORY=6144 VM_TIMEOUT=7200 L2TPVL_LINKS=$(LINKS) $(GO) test -run '^TestScale$$' -v -count 1 -timeout 2h ./integration/vm/scale

demo: deps ## show two PEs with two VPNs on this machine, one with IPsec if kernel and strongSwan support it; KEEP=1 keeps them running
	KEEP=$(KEEP) $(GO) run $(AS_ROOT) ./integration/demo

demo-vm: deps build ## show the same in the virtual machine, over the kernel data plane and with IPsec; KEEP=1 ends with a shell there
	CGO_ENABLED=0 $(GO) build -o bin/demo ./integration/demo
	@integration/vm/run $$(test -t 0 && test -t 1 && echo -t) bin/demo -bin bin -ipsec $(if $(KEEP),-keep -shell,-keep=false)

deps: ## install the programs that tests and demo need
	scripts/deps

clean: ## remove all build results except the tools
	rm -rf bin/l2tpvld bin/l2tpvl-ctl bin/demo bin/customer bin/package bin/packages

$(GOFUMPT):
	GOBIN=$(@D) $(GO) install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)

$(GOLANGCI_LINT):
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(NFPM):
	GOBIN=$(@D) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)

$(MISSPELL):
	GOBIN=$(@D) $(GO) install github.com/golangci/misspell/cmd/misspell@$(MISSPELL_VERSION)
