# SPDX-License-Identifier: BSD-2-Clause
# The generator of hostile packets, for tests/netns, tests/vm and bench.

FLOOD     := $(BUILD)/tests/flood
FLOOD_OBJ := $(patsubst tests/flood/%.c,$(FLOOD)/obj/%.o,$(filter-out %.bpf.c,$(wildcard tests/flood/*.c)))

$(FLOOD)/flood.bpf.o: tests/flood/flood.bpf.c tests/flood/table.h $(wildcard bpf/*.h maps/*.h)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -c $< -o $@
	$(Q)llvm-strip -g $@

$(FLOOD)/flood.skel.h: $(FLOOD)/flood.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name flood_bpf > $@

$(FLOOD)/obj/%.o: tests/flood/%.c $(FLOOD)/flood.skel.h | $(BPF_SKEL)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -I$(FLOOD) $(CFLAGS) -MMD -MP -c $< -o $@

$(FLOOD)/flood: $(FLOOD_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(wildcard $(FLOOD)/obj/*.d)
