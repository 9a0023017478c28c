# SPDX-License-Identifier: BSD-2-Clause
# Programs for measurements; none of them is part of build/esclusa.

BENCH := $(BUILD)/bench

$(BENCH)/%.bpf.o: bench/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -c $< -o $@
	$(Q)llvm-strip -g $@

$(BENCH)/%.skel.h: $(BENCH)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(BENCH)/obj/%.o: bench/%.c $(BENCH)/load.skel.h | $(BPF_SKEL)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -I$(BENCH) -Ibench $(CFLAGS) -MMD -MP -c $< -o $@

$(BENCH)/load: $(BENCH)/obj/load.o $(BENCH)/obj/load_peer.o $(BENCH)/obj/load_forward.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BENCH)/aead: $(BENCH)/obj/aead.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BENCH)/xdp_cost: $(BENCH)/obj/xdp_cost.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# The same node with a plain copy in place of the AEAD: the yardstick of the provider's cost. It
# moves plaintext, so it exists here only.
$(BENCH)/obj/select-copy.o: crypto-offload/select.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DESC_BENCH_COPY=1 $(CFLAGS) -c $< -o $@

$(BENCH)/esclusa-copy: $(MAIN_OBJ) $(BENCH)/obj/select-copy.o $(BENCH)/obj/provider_copy.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BENCH)/load-copy: $(BENCH)/obj/load.o $(BENCH)/obj/load_peer.o $(BENCH)/obj/load_forward.o \
	$(BENCH)/obj/select-copy.o $(BENCH)/obj/provider_copy.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: bench-bin
bench-bin: $(BENCH)/load $(BENCH)/load-copy $(BENCH)/aead $(BENCH)/xdp_cost \
	$(BENCH)/esclusa-copy

-include $(wildcard $(BENCH)/obj/*.d)
