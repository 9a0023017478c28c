/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipc/sandbox.h"

#include <stdio.h>

const struct esc_layer_info esc_layer_info[ESC_LAYER_COUNT] = {
#define X(id, name, waivable, text) [ESC_LAYER_##id] = {name, text, waivable},
	ESC_LAYERS(X)
#undef X
};

/* The longest text that there can be. */
#define X(id, name, waivable, text) name ", "
_Static_assert(sizeof("" ESC_LAYERS(X)) <= ESC_LAYERS_STR, "all names fit");
#undef X

const char *esc_layers_text(uint32_t layers, char buf[ESC_LAYERS_STR])
{
	size_t at = 0;

	snprintf(buf, ESC_LAYERS_STR, "none");
	for (int i = 0; i < ESC_LAYER_COUNT; i++) {
		if (layers & ESC_LAYER_BIT(i))
			at += (size_t)snprintf(buf + at, ESC_LAYERS_STR - at, "%s%s",
					       at ? ", " : "", esc_layer_info[i].name);
	}
	return buf;
}
