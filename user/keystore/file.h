/* SPDX-License-Identifier: BSD-2-Clause */
/* file.h: a key store's file: how it is opened, replaced and destroyed. keystore.c's business. */
#ifndef ESC_KEYSTORE_FILE_H
#define ESC_KEYSTORE_FILE_H

#include "keystore/keystore.h"

/* Read and check form and permissions. Errors as esc_keystore_read(). */
int esc_ks_file_read(struct esc_ks_file *f, const char *path, char why[ESC_KEYSTORE_WHY]);

/*
 * Replace the file by this one. old: what must be there still (-ESTALE), NULL: there must be no
 * file (-EEXIST). Errors as esc_keystore_save().
 */
int esc_ks_file_replace(const struct esc_ks_file *new, const struct esc_ks_file *old,
			const char *path, char why[ESC_KEYSTORE_WHY]);

#endif
