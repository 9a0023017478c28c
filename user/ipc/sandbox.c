/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipc/sandbox.h"

const struct esc_layer_info esc_layer_info[ESC_LAYER_COUNT] = {
#define X(id, name, waivable, text) [ESC_LAYER_##id] = {name, text, waivable},
	ESC_LAYERS(X)
#undef X
};
