/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * terminal.h: control's terminal, lent to the crypto process while it asks for the passphrase of
 * the key store. Control never reads from it; it only puts its settings right when the process
 * ends before it could do so itself.
 */
#ifndef ESC_CONTROL_TERMINAL_H
#define ESC_CONTROL_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct esc_terminal {
	bool lent;
	struct termios settings;
};

/*
 * Is there somebody to ask at standard input? Not if it is no terminal, if control is in its
 * background (the shell is reading there), or if systemd has a credential for the key store.
 */
bool esc_terminal_lend(struct esc_terminal *t);

/* The question is answered. */
void esc_terminal_done(struct esc_terminal *t);

/* The process that had it ended: the terminal is as it was before. */
void esc_terminal_restore(struct esc_terminal *t);

#endif
