# l2tpvl: `make help` tells the targets.

GO                    ?= go
GOFUMPT_VERSION       := v0.12.0
GOLANGCI_LINT_VERSION := v2.15.0
NFPM_VERSION          := v2.44.0
MISSPELL_VERSION      := v0.8.0
FUZZTIME              ?= 3s
TAG                   ?= latest

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Without a tag, a version that is below all releases and grows with time.
PACKAGE_VERSION ?= $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed -n 's/^v//; s/-/+/gp' | grep . || \
	git log -1 --date=format-local:%Y%m%d%H%M%S --format='0~%cd.%h' 2>/dev/null || echo 0)

# Tools are built once, each version in a folder of its own.
TOOLS         := $(CURDIR)/bin/tools
NFPM          := $(TOOLS)/nfpm-$(NFPM_VERSION)/nfpm
GOFUMPT       := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)/gofumpt
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
MISSPELL      := $(TOOLS)/misspell-$(MISSPELL_VERSION)/misspell

# How a program is run that makes network namespaces.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,-exec 'sudo -E env PATH=$(PATH)')

.PHONY: help build image man package check fmt lint prose fuzz test test-unit test-netns test-vm test-compose test-package vm-shell bench-control bench-kernel test-scale demo demo-vm deps clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

build: ## bin/l2tpvld and bin/l2tpvl-ctl, static
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/...

image: build ## container images l2tpvl, and l2tpvl-customer for trying it, FROM scratch
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/ ./integration/compose/customer
	docker build --tag l2tpvl:$(TAG) .
	docker build --tag l2tpvl-customer:$(TAG) --file integration/compose/customer/Dockerfile .

man: build ## manual pages of l2tpvl-ctl, into bin/package/man
	rm -rf bin/package/man/man1
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) bin/l2tpvl-ctl man bin/package/man/man1

package: build man $(NFPM) ## packages for Debian and for what takes RPMs, into bin/packages
	mkdir -p bin/packages bin/package/man
	for shell in bash fish zsh; do bin/l2tpvl-ctl completion $$shell >bin/package/$$shell || exit 1; done
	for format in deb rpm; do \
		PACKAGE_VERSION=$(PACKAGE_VERSION) PACKAGE_ARCH=$$($(GO) env GOARCH) \
			$(NFPM) package --config configs/package/nfpm.yaml --packager $$format --target bin/packages/ || exit 1; \
	done

check: fmt lint prose fuzz ## format, vet, linters, import rules, English, and a short run of each fuzz test

fmt: $(GOFUMPT)
	@unformatted=$$($(GOFUMPT) -l .) && if [ -n "$$unformatted" ]; then \
		echo "not formatted by gofumpt:" $$unformatted; exit 1; fi

# The packages that link nothing of a kernel also pass vet for another system.
PURE := ./endid ./l2tp/... ./ppp ./session ./config/...

lint: $(GOLANGCI_LINT)
	$(GO) vet ./...
	GOOS=darwin $(GO) vet $(PURE)
	$(GOLANGCI_LINT) run ./...

prose: $(MISSPELL) ## words, width and spelling of comments, messages, documents and commit subjects
	$(GO) run ./scripts/prose
	$(MISSPELL) -error $$(git ls-files --cached --others --exclude-standard)

fuzz: ## each fuzz test for FUZZTIME, 3s if not given
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file func; do \
		$(GO) test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$(dirname "$$file")" || exit 1; \
	done

test: deps test-unit test-netns test-vm test-compose test-package ## all tests

test-unit: ## tests of the packages
	$(GO) test -race $$($(GO) list ./... | grep -v -E '/integration|/dataplane/kernel$$')

test-netns: ## two PEs for real, in network namespaces; needs root
	$(GO) test -race -p 1 -count 1 -timeout 15m $(AS_ROOT) $$($(GO) list ./integration/... | grep -v -E '/integration/(vm|pppd|compose|package)')

test-vm: ## what needs a full kernel, in a virtual machine with Debian's
	$(GO) test -p 3 -count 1 -timeout 20m ./integration/vm/... ./integration/pppd/... ./dataplane/kernel

test-compose: ## two PEs and their customers as containers; needs Docker
	scripts/deps compose
	$(GO) test -count 1 -timeout 15m ./integration/compose

test-package: $(NFPM) ## the packages: installed, run under systemd, upgraded, removed; needs Docker
	scripts/deps package
	$(GO) test -count 1 -timeout 20m ./integration/package

vm-shell: ## a shell in that virtual machine
	@integration/vm/run -t

COUNT ?= 5
bench-control: ## two daemons bring up 10,000 links, COUNT times each: speed, memory, recovery
	$(GO) test -run '^$$' -bench '^BenchmarkControl$$' -benchtime 1x -count $(COUNT) -timeout 1h ./integration/bench

SESSIONS ?= 500
PAIRS    ?= 50
bench-kernel: ## in that virtual machine: SESSIONS sessions of the kernel; PAIRS links by l2tpvld, and by xl2tpd with pppd
	$(GO) test -run '^$$' -bench . -benchtime $(SESSIONS)x -timeout 20m ./dataplane/kernel
	VM_MEMORY=4096 VM_TIMEOUT=3600 $(GO) test -run '^$$' -bench . -benchtime $(PAIRS)x -timeout 1h ./integration/vm/scale

LINKS ?= 2000
test-scale: ## LINKS links between two daemons in that virtual machine: up, one daemon killed, up again, gone
	VM_MEMORY=6144 VM_TIMEOUT=7200 L2TPVL_LINKS=$(LINKS) $(GO) test -run '^TestScale$$' -v -count 1 -timeout 2h ./integration/vm/scale

demo: deps ## two PEs with their VPNs on this machine, one under IPsec where kernel and strongSwan are there; KEEP=1 leaves them running
	KEEP=$(KEEP) $(GO) run $(AS_ROOT) ./integration/demo

demo-vm: deps build ## the same over the kernel data plane and with IPsec, in that virtual machine; KEEP=1 ends with a shell there
	CGO_ENABLED=0 $(GO) build -o bin/demo ./integration/demo
	@integration/vm/run $$(test -t 0 && test -t 1 && echo -t) bin/demo -bin bin -ipsec $(if $(KEEP),-keep -shell,-keep=false)

deps: ## install the programs that tests and demo need
	scripts/deps

clean: ## remove what was built, but for the tools
	rm -rf bin/l2tpvld bin/l2tpvl-ctl bin/demo bin/customer bin/package bin/packages

$(GOFUMPT):
	GOBIN=$(@D) $(GO) install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)

$(GOLANGCI_LINT):
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(NFPM):
	GOBIN=$(@D) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)

$(MISSPELL):
	GOBIN=$(@D) $(GO) install github.com/golangci/misspell/cmd/misspell@$(MISSPELL_VERSION)
