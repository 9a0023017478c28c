/* SPDX-License-Identifier: BSD-2-Clause */
/* key.c: esclusa key generate|public, byte for byte as wg genkey and wg pubkey. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "cli/cli.h"

static const char help[] =
	"Usage: esclusa key generate   print a new private key in base64\n"
	"       esclusa key public     read a private key on standard input, print its public key\n"
	"\n"
	"As 'wg genkey' and 'wg pubkey' do. To make both, readable by nobody else:\n"
	"  (umask 077; esclusa key generate > private); esclusa key public < private\n";

/* One line on standard output, past stdio: its buffer would keep the key. */
static int print_key(const uint8_t key[ESC_KEY_LEN])
{
	char text[ESC_KEY_B64];
	size_t done = 0;
	ssize_t n = 0;

	esc_key_to_base64(text, key);
	text[ESC_KEY_B64 - 1] = '\n';
	while (done < sizeof(text)) {
		n = write(STDOUT_FILENO, text + done, sizeof(text) - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	sodium_memzero(text, sizeof(text));
	if (n >= 0)
		return ESC_EXIT_OK;
	fprintf(stderr, "esclusa key: cannot write the key to standard output: %s\n",
		strerror(errno));
	return ESC_EXIT_FAILED;
}

static int generate(void)
{
	uint8_t key[ESC_KEY_LEN];
	struct stat st;

	if (!fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode) && (st.st_mode & S_IRWXO))
		fputs("esclusa key: warning: the file can be accessed by everyone on this machine; "
		      "'umask 077' first, and make another key\n",
		      stderr);
	randombytes_buf(key, sizeof(key));
	/* RFC 7748, section 5: the form in which X25519 uses it anyway. */
	key[0] &= 248;
	key[31] = (uint8_t)((key[31] & 127) | 64);
	int code = print_key(key);
	sodium_memzero(key, sizeof(key));
	return code;
}

/* Standard input up to its end, without white space after the key. false: not one key. */
static bool read_key(uint8_t key[ESC_KEY_LEN])
{
	char text[ESC_KEY_B64], c = 0;
	size_t len = 0;
	bool ok = true;
	ssize_t n;

	while (ok && ((n = read(STDIN_FILENO, &c, 1)) > 0 || (n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		if (len == ESC_KEY_B64 - 1)
			ok = c && strchr(" \t\r\n\v\f", c);
		else
			text[len++] = c;
	}
	text[len] = '\0';
	ok = ok && len == ESC_KEY_B64 - 1 && esc_key_from_base64(key, text);
	sodium_memzero(text, sizeof(text));
	return ok;
}

static int public(void)
{
	uint8_t private_key[ESC_KEY_LEN] = {0}, public_key[ESC_KEY_LEN];
	bool ok = read_key(private_key);

	if (ok)
		esc_key_public(public_key, private_key);
	sodium_memzero(private_key, sizeof(private_key));
	if (ok)
		return print_key(public_key);
	fputs("esclusa key public: standard input is not a key: expected 44 characters of base64,"
	      " as 'esclusa key generate' prints\n",
	      stderr);
	return ESC_EXIT_FAILED;
}

int cmd_key(int argc, char **argv)
{
	int code = cli_common(argc, argv, help);

	if (code >= 0)
		return code;
	if (argc != 2)
		return cli_usage("key", help, "expected one word, generate or public");
	if (!strcmp(argv[1], "generate"))
		return generate();
	if (!strcmp(argv[1], "public"))
		return public();
	return cli_usage("key", help, "'%s': expected generate or public", argv[1]);
}
