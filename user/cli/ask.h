/* SPDX-License-Identifier: BSD-2-Clause */
/* ask.h: questions to a running node, at the socket that status_socket.c serves. */
#ifndef ESC_CLI_ASK_H
#define ESC_CLI_ASK_H

#include <stdbool.h>
#include <stdio.h>

#include "sizes.h"

/* A node's name, as a path component? */
bool cli_is_name(const char *name);

#define CLI_NODES_MAX 64

/* The names of running nodes: how many. */
unsigned int cli_nodes(char (*names)[ESC_NAME_MAX + 1]);

/* A socket to the node; -errno. */
int cli_connect(const char *name);

/*
 * Ask, and copy the answer to out; waits at most `seconds` for each part of it (0: for ever). The
 * answer of a node that refuses goes to err as "esclusa COMMAND: NAME: ...", and so does every
 * other reason. 0; -EPERM: the node refused; other -errno.
 */
int cli_ask(const char *command, const char *name, const char *question, unsigned int seconds,
	    FILE *out);

/* Why asking failed, to standard error; what cli_ask() says for this -errno. */
void cli_say_error(const char *command, const char *name, int err);

/*
 * The arguments of a command "[NAME] [-j]", cli_common()'s included: -1 to go on, *name is NULL if
 * none was given; otherwise the exit code.
 */
int cli_name_and_json(int argc, char **argv, const char *help, const char **name, bool *json);

#endif
