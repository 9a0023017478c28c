/* SPDX-License-Identifier: BSD-2-Clause */
/* pins.h: a node's folder in the BPF file system. */
#ifndef ESC_CONTROL_PINS_H
#define ESC_CONTROL_PINS_H

#define ESC_BPFFS    "/sys/fs/bpf"
#define ESC_PIN_PATH 64

/*
 * Mount the BPF file system if it is not there (it stays mounted: it is the system's) and make
 * the folder. 0; -errno after saying why.
 */
int esc_pins_open(const char *node);
/* Remove every pin and the folder. Its parent stays: units of other nodes are bound to it. */
void esc_pins_remove(const char *node);

/* The path of a pin. Returns path. */
char *esc_pin_path(char path[ESC_PIN_PATH], const char *node, const char *name);
/* Pin an object, in place of what had the name. 0 or -errno. */
int esc_pin(const char *node, const char *name, int fd);
/* What is pinned there: a descriptor, or -errno. */
int esc_pin_get(const char *node, const char *name);
void esc_unpin(const char *node, const char *name);

#endif
