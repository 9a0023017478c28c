# SPDX-License-Identifier: BSD-2-Clause
#
# make              build build/esclusa (no root needed)
# sudo make demo    install packages, build, run the main job in network namespaces
# sudo make check   install packages, build, run every test
# make bench        measurements (root), also bench-flood; make install, fmt, lint, fuzz, clean

BUILD   ?= build
PREFIX  ?= /usr/local
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
VERSION := 0.1.0
V       ?= 0
Q       := $(if $(filter 0,$(V)),@,)
say      = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' $(1) $(patsubst $(CURDIR)/%,%,$(2)))

# Debian packages: what building needs, and what tests, demo and benchmarks need besides.
BUILD_PACKAGES := gcc make clang llvm pkg-config bpftool libbpf-dev libxdp-dev libelf-dev zlib1g-dev \
	libsodium-dev libssl-dev libmnl-dev libseccomp-dev libcap-ng-dev linux-libc-dev libc6-dev
ifeq ($(shell uname -m),x86_64)
BUILD_PACKAGES += libipsec-mb-dev
endif
TEST_PACKAGES := clang-format clang-tidy cppcheck shellcheck libcmocka-dev libclang-rt-14-dev \
	iproute2 iputils-ping ethtool tcpdump iperf3 traceroute wireguard-tools wireguard-go netcat-openbsd nftables procps python3 gnuplot-nox strace systemd \
	qemu-system-x86 cpio xz-utils busybox-static kmod curl dnsmasq-base

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps demo check bench bench-flood install uninstall fmt lint fuzz clean help

all: $(BUILD)/esclusa

# --- packages ---------------------------------------------------------------------------------
# Named here once; installing is a step of its own that asks for root and skips what is there.
deps:
	@tests/deps $(BUILD_PACKAGES) $(TEST_PACKAGES)

LIBS_NEEDED := libbpf libxdp libsodium libcrypto libmnl libseccomp libcap-ng
SKIP_PROBE  := deps demo check check-% fuzz bench bench-flood clean fmt help
ifneq ($(filter-out $(SKIP_PROBE),$(or $(MAKECMDGOALS),all)),)
MISSING := $(shell for l in $(LIBS_NEEDED); do pkg-config --exists $$l 2>/dev/null || echo $$l; done; \
	for t in $(CLANG) $(BPFTOOL) pkg-config llvm-strip; do command -v $$t >/dev/null || echo $$t; done)
ifneq ($(strip $(MISSING)),)
$(error missing: $(strip $(MISSING)). Install with: sudo make deps   (or: sudo apt-get install $(BUILD_PACKAGES)))
endif
endif

# --- flags ------------------------------------------------------------------------------------
WARN  := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	-Wpointer-arith -Wwrite-strings
# Sanitizers' instrumentation makes gcc guess worse about lengths and paths.
WARN   += $(if $(SANITIZE),-Wno-format-truncation -Wno-maybe-uninitialized)
OPT    ?= -O2 -g
HARDEN := -fstack-protector-strong -fPIE -fno-strict-aliasing -ftrivial-auto-var-init=zero \
	-fcf-protection=full $(if $(findstring sanitize,$(SANITIZE)),,-D_FORTIFY_SOURCE=2)
INC    := -Imaps -Iuser -Icrypto-offload -I$(BUILD)/bpf
PKGS   := libbpf libsodium libcrypto libmnl libseccomp libcap-ng
HAVE_IPSEC_MB := $(shell printf '\#include <intel-ipsec-mb.h>\n' | $(CC) -E -x c - >/dev/null 2>&1 && echo 1)
CPPFLAGS += -D_GNU_SOURCE -DESC_VERSION='"$(VERSION)"' $(INC) \
	$(if $(HAVE_IPSEC_MB),-DESC_HAVE_IPSEC_MB=1,-DESC_HAVE_IPSEC_MB=0)
CFLAGS  += -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(SANITIZE)
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack $(SANITIZE)
LIBS    = $(shell pkg-config --libs $(PKGS)) $(if $(HAVE_IPSEC_MB),-lIPSec_MB) -lelf -lz -ldl -lpthread

# --- BPF --------------------------------------------------------------------------------------
BPF_SRC  := $(wildcard bpf/*.bpf.c)
BPF_OBJ  := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.bpf.o)
BPF_SKEL := $(BPF_OBJ:.bpf.o=.skel.h)
# Statements stay in their order: BLAKE2s then spills a third less, and is 10 % faster.
BPF_FLAGS := -target bpf -mcpu=v3 -O2 -mllvm -pre-RA-sched=source -g -std=gnu11 -Wall -Wextra -Werror -Imaps -Ibpf \
	-idirafter /usr/include/$(shell uname -m)-linux-gnu

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h maps/*.h)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -c $< -o $@
	$(Q)llvm-strip -g $@

# Programs for tests alone, around the headers of bpf/: a test includes "test/NAME.skel.h".
BPFT_SKEL := $(patsubst tests/bpf/%.bpf.c,$(BUILD)/bpf/test/%.skel.h,$(wildcard tests/bpf/*.bpf.c))

$(BUILD)/bpf/test/%.bpf.o: tests/bpf/%.bpf.c $(wildcard bpf/*.[ch] maps/*.h tests/bpf/*.h)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -c $< -o $@
	$(Q)llvm-strip -g $@

$(BUILD)/bpf/test/%.skel.h: $(BUILD)/bpf/test/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# What the power-on self-test compares the embedded objects with: ESC_BPF_DIGESTS(X).
BPF_DIGESTS := $(BUILD)/bpf/bpf_digests.h

$(BPF_DIGESTS): $(BPF_OBJ)
	$(call say,DIGEST,$@)
	$(Q){ printf '#define ESC_BPF_DIGESTS(X)'; sha256sum $^ | \
		sed -nE 's,^([0-9a-f]{64})  .*/(.*)\.bpf\.o$$, X("\2"\, "\1"),p' | tr -d '\n'; echo; } > $@

# --- user space -------------------------------------------------------------------------------
MAIN_SRC := user/cli/main.c
LIB_SRC  := $(filter-out $(MAIN_SRC),$(wildcard user/*/*.c crypto-offload/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
MAIN_OBJ := $(MAIN_SRC:%.c=$(BUILD)/obj/%.o)
LIB      := $(BUILD)/libesclusa.a

$(BUILD)/obj/%.o: %.c | $(BPF_SKEL) $(BPF_DIGESTS)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/user/control/%.o: $(BPF_SKEL)
$(BUILD)/obj/user/selftest/%.o: $(BPF_DIGESTS)

$(LIB): $(LIB_OBJ)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) qcs $@ $^

$(BUILD)/esclusa: $(MAIN_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -rdynamic -o $@ $^ $(LIBS)

# --- tests ------------------------------------------------------------------------------------
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*.c))
BPFT_BIN := $(patsubst tests/bpf/%.c,$(BUILD)/tests/bpf/%,$(filter-out %.bpf.c,$(wildcard tests/bpf/*.c)))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/*.c))

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(BPFT_BIN:$(BUILD)/%=$(BUILD)/obj/%.o): | $(BPFT_SKEL)

$(BUILD)/tests/bpf/%: $(BUILD)/obj/tests/bpf/%.o $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

# A user's own provider, as a shared object: used by tests of the loading path.
$(BUILD)/tests/provider/%.so: tests/provider/%.c crypto-offload/aead.h
	$(call say,SO,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -Icrypto-offload -std=gnu11 $(OPT) $(WARN) -fPIC -shared -o $@ $< $(shell pkg-config --libs libsodium)

# What attacks a node in the guest of tests/vm.
VM_BIN := $(BUILD)/tests/vm/attack $(BUILD)/tests/vm/planted.so

$(BUILD)/tests/vm/attack: tests/vm/attack.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARN) -static -o $@ $<

$(BUILD)/tests/vm/planted.so: tests/vm/planted.c
	$(call say,SO,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARN) -fPIC -shared -o $@ $<

include tests/flood/flood.mk

PROVIDER_SO := $(patsubst tests/provider/%.c,$(BUILD)/tests/provider/%.so,$(wildcard tests/provider/*.c))

# libFuzzer builds the library's sources with its own instrumentation.
FUZZ_CFLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined
FUZZ_OBJ := $(LIB_SRC:%.c=$(BUILD)/fuzzobj/%.o)

$(BUILD)/fuzzobj/%.o: %.c | $(BPF_SKEL) $(BPF_DIGESTS)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libesclusa-fuzz.a: $(FUZZ_OBJ)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) qcs $@ $^

$(BUILD)/tests/fuzz/%: $(BUILD)/fuzzobj/tests/fuzz/%.o $(BUILD)/libesclusa-fuzz.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS)

# The node with hostile code inside (user/proc/hook.h): what differs is compiled again, the rest is
# the library's. Only tests/sandbox/ runs it; nothing of it is installed.
HOOKS    := $(BUILD)/hooks
HOOK_SRC := $(shell grep -lE 'proc/hook.h|ESC_TEST_HOOKS' user/*/*.c) $(wildcard tests/sandbox/*.c)
HOOK_OBJ := $(HOOK_SRC:%.c=$(HOOKS)/obj/%.o)

$(HOOKS)/obj/%.o: %.c | $(BPF_SKEL)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DESC_TEST_HOOKS=1 $(CFLAGS) -MMD -MP -c $< -o $@

$(HOOKS)/esclusa: $(MAIN_OBJ) $(HOOK_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -rdynamic -o $@ $^ $(LIBS)

# The node with a red program that knows no secure prefix and no policy: what the egress guard is
# there for. Only tests/netns/router_leak.test.sh runs it.
BLIND     := $(BUILD)/blind
BLIND_SRC := $(shell grep -lE 'bpf_int.h|bpf_digests.h' user/*/*.c)
BLIND_OBJ := $(BLIND_SRC:%.c=$(BLIND)/obj/%.o)

$(BLIND)/bpf/red.bpf.o: bpf/red.bpf.c $(wildcard bpf/*.h maps/*.h)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -DESC_TEST_BLIND=1 -c $< -o $@
	$(Q)llvm-strip -g $@

$(BLIND)/bpf/red.skel.h: $(BLIND)/bpf/red.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name red_bpf > $@

$(BLIND)/bpf/bpf_digests.h: $(BLIND)/bpf/red.bpf.o $(BPF_DIGESTS)
	$(Q)new=$$(sha256sum $< | cut -c1-64); \
		sed -E "s/X\(\"red\", \"[0-9a-f]*\"/X(\"red\", \"$$new\"/" $(BPF_DIGESTS) > $@

$(BLIND)/obj/%.o: %.c $(BPF_SKEL) $(BLIND)/bpf/red.skel.h $(BLIND)/bpf/bpf_digests.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -I$(BLIND)/bpf $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BLIND)/esclusa: $(MAIN_OBJ) $(BLIND_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -rdynamic -o $@ $^ $(LIBS)

.PHONY: unit-bin bpf-bin fuzz-bin hooks-bin blind-bin
hooks-bin: $(HOOKS)/esclusa
blind-bin: $(BLIND)/esclusa
unit-bin: $(UNIT_BIN) $(PROVIDER_SO) $(VM_BIN) $(FLOOD)/flood
bpf-bin: $(BPFT_BIN)
fuzz-bin: $(FUZZ_BIN)

check: deps
	@$(MAKE) --no-print-directory all unit-bin bpf-bin fuzz-bin hooks-bin blind-bin
	@BUILD=$(BUILD) tests/run

# make check-unit, check-bpf, check-netns, check-sandbox, check-fuzz, check-vm, check-lint
check-%: deps
	@$(MAKE) --no-print-directory all unit-bin bpf-bin $(if $(filter fuzz,$*),fuzz-bin) \
		$(if $(filter sandbox,$*),hooks-bin) $(if $(filter netns,$*),blind-bin)
	@BUILD=$(BUILD) tests/run $*

demo: deps
	@$(MAKE) --no-print-directory all
	@$(BUILD)/esclusa demo

bench: deps
	@$(MAKE) --no-print-directory all bench-bin
	@BUILD=$(BUILD) bench/run

bench-flood: deps
	@$(MAKE) --no-print-directory all bench-bin $(FLOOD)/flood
	@BUILD=$(BUILD) bench/run flood xdp_cost

fuzz: deps
	@$(MAKE) --no-print-directory fuzz-bin
	@BUILD=$(BUILD) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) tests/run fuzz

-include bench/bench.mk

# --- housekeeping -----------------------------------------------------------------------------
C_FILES := $(wildcard maps/*.h bpf/*.[ch] crypto-offload/*.[ch] user/*/*.[ch] tests/*/*.[ch] bench/*.[ch])

fmt:
	$(Q)clang-format -i $(C_FILES)

lint: $(BPF_SKEL) $(BPFT_SKEL) $(BPF_DIGESTS)
	@BUILD=$(BUILD) tests/lint $(C_FILES)

# systemd reads all of /usr/lib, /usr/local/lib and /etc; with another PREFIX, set LIBDIR.
LIBDIR  ?= $(PREFIX)/lib
PROGRAM := $(DESTDIR)$(PREFIX)/sbin/esclusa
UNITS   := $(notdir $(wildcard systemd/*.service systemd/*.socket))
UNIT_DIR := $(DESTDIR)$(LIBDIR)/systemd/system
USERS_CONF := $(DESTDIR)$(LIBDIR)/sysusers.d/esclusa.conf
FILES_CONF := $(DESTDIR)$(LIBDIR)/tmpfiles.d/esclusa.conf

install: $(BUILD)/esclusa
	install -D -m 0755 $(BUILD)/esclusa $(PROGRAM)
	install -d $(UNIT_DIR)
	for u in $(UNITS); do sed 's,/usr/local/sbin/,$(PREFIX)/sbin/,' systemd/$$u >$(UNIT_DIR)/$$u && \
		chmod 0644 $(UNIT_DIR)/$$u || exit 1; done
	install -D -m 0644 systemd/esclusa.sysusers $(USERS_CONF)
	install -D -m 0644 systemd/esclusa.tmpfiles $(FILES_CONF)
	@echo
	@echo "Now, as root, make the users and folders, and tell systemd of the units:"
	@echo "  systemd-sysusers esclusa.conf && systemd-tmpfiles --create esclusa.conf"
	@echo "  systemctl daemon-reload"
	@echo "Then a node, with its file in /etc/esclusa/NAME.conf: systemctl enable --now esclusa@NAME"

# Configuration, keys, state and users stay.
uninstall:
	rm -f $(PROGRAM) $(addprefix $(UNIT_DIR)/,$(UNITS)) $(USERS_CONF) $(FILES_CONF)

clean:
	rm -rf $(BUILD)

help:
	@sed -n '3,7s/^# \{0,1\}//p' Makefile

-include $(LIB_OBJ:.o=.d) $(MAIN_OBJ:.o=.d) $(FUZZ_OBJ:.o=.d)
-include $(HOOK_OBJ:.o=.d) $(BLIND_OBJ:.o=.d) $(wildcard $(BUILD)/obj/tests/*/*.d $(BUILD)/fuzzobj/tests/*/*.d)
