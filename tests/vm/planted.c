/* SPDX-License-Identifier: BSD-2-Clause */
/* planted.c: a library that root would like to have in esclusa: it says that it is there. */
#include <unistd.h>

__attribute__((constructor)) static void planted(void)
{
	static const char text[] = "planted code runs\n";

	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
}
