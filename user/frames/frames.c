/* SPDX-License-Identifier: BSD-2-Clause */
#include "frames/frames.h"

#include <errno.h>
#include <stdlib.h>

int esc_frames_init(struct esc_frames *f, uint8_t *base, uint32_t total, uint32_t frame_size)
{
	*f = (struct esc_frames){.base = base, .frame_size = frame_size, .total = total};
	if (!total || frame_size < 2048 || (frame_size & (frame_size - 1)))
		return -EINVAL;
	f->shift = (uint32_t)__builtin_ctz(frame_size);
	f->free = calloc(total, sizeof(*f->free));
	f->place = calloc(total, sizeof(*f->place));
	if (!f->free || !f->place) {
		esc_frames_fini(f);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < total; i++) {
		f->free[i] = total - 1 - i;
		f->place[i] = ESC_PLACE_free;
	}
	f->nfree = total;
	f->count[ESC_PLACE_free] = total;
	return 0;
}

void esc_frames_fini(struct esc_frames *f)
{
	free(f->free);
	free(f->place);
	f->free = NULL;
	f->place = NULL;
}

void esc_frames_publish(const struct esc_frames *f, struct esc_ledger *ledger)
{
	esc_cell_set(&ledger->total, f->total);
	for (int p = 0; p < ESC_PLACE_COUNT; p++)
		esc_cell_set(&ledger->place[p], f->count[p]);
}
