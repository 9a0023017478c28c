/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/fds.h"

/* What crypto will look for, too: it is not opened here. */
static bool has_credential(void)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];

	return dir && snprintf(path, sizeof(path), "%s/" ESC_CREDENTIAL, dir) < (int)sizeof(path) &&
	       !access(path, F_OK);
}

bool esc_terminal_lend(struct esc_terminal *t)
{
	t->lent = !has_credential() && !tcgetattr(STDIN_FILENO, &t->settings) &&
		  tcgetpgrp(STDIN_FILENO) == getpgrp();
	return t->lent;
}

void esc_terminal_done(struct esc_terminal *t)
{
	t->lent = false;
}

void esc_terminal_restore(struct esc_terminal *t)
{
	sigset_t block, before;

	if (!t->lent)
		return;
	t->lent = false;
	sigemptyset(&block);
	sigaddset(&block, SIGTTOU); /* control may be in the background now */
	sigprocmask(SIG_BLOCK, &block, &before);
	tcsetattr(STDIN_FILENO, TCSANOW, &t->settings);
	sigprocmask(SIG_SETMASK, &before, NULL);
}
