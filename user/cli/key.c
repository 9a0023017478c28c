/* SPDX-License-Identifier: BSD-2-Clause */
/* key.c: esclusa key: generate and public, byte for byte as wg genkey and wg pubkey; key stores. */
#include "cli/key.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"

static const char help[] =
	"Usage: esclusa key generate                   print a new private key in base64\n"
	"       esclusa key public                     read a private key, print its public key\n"
	"As 'wg genkey' and 'wg pubkey' do.\n"
	"\n"
	"Key stores: encrypted files, for 'Keystore = FILE' in [Interface]\n"
	"       esclusa key create FILE                new store and key; prints public key and\n"
	"                                              recovery code; asks for a passphrase\n"
	"         --import F                           take the key from a WireGuard or esclusa\n"
	"                                              configuration or a key file; -: standard "
	"input\n"
	"       esclusa key show FILE [-j]             what is public: key, slots, costs (also: "
	"inspect)\n"
	"       esclusa key verify FILE                which slot does this secret open?\n"
	"       esclusa key add-slot FILE passphrase   one more passphrase\n"
	"       esclusa key add-slot FILE credential --new-credential-file F\n"
	"                                              for an unattended start (systemd-creds); F "
	"is\n"
	"                                              made if it is not there\n"
	"       esclusa key remove-slot FILE SLOT      any but the recovery code's\n"
	"       esclusa key change-passphrase FILE [SLOT]\n"
	"       esclusa key recovery FILE              a new recovery code, in place of the old "
	"one\n"
	"       esclusa key rekey FILE [--import F]    a new private key in the same store\n"
	"Options:\n"
	"  --passphrase-file F      what opens the store (create: its passphrase): F has one "
	"line;\n"
	"                           -: a line of standard input\n"
	"  --credential-file F      the same, with all bytes of F\n"
	"  --new-passphrase-file F  what a slot gets\n"
	"  --label L                for a new slot: whose it is, what it is for\n"
	"Without such a file the passphrase (or recovery code) is asked for at the terminal; if\n"
	"standard input is none, it has one line per question, in their order.\n";

bool key_write(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static int print_key(const uint8_t key[ESC_KEY_LEN])
{
	char text[ESC_KEY_B64];

	esc_key_to_base64(text, key);
	text[ESC_KEY_B64 - 1] = '\n';
	bool ok = key_write(text, sizeof(text));
	sodium_memzero(text, sizeof(text));
	return ok ? ESC_EXIT_OK
		  : key_failed("cannot write the key to standard output: %s", strerror(errno));
}

void key_say(const char *fmt, ...)
{
	va_list ap;

	fputs("esclusa key: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- generate, public ------------------------------------------------------------------------ */

void key_random(uint8_t key[32])
{
	randombytes_buf(key, 32);
	/* RFC 7748, section 5: the form in which X25519 uses it anyway. */
	key[0] &= 248;
	key[31] = (uint8_t)((key[31] & 127) | 64);
}

static int generate(void)
{
	uint8_t key[ESC_KEY_LEN];
	struct stat st;

	if (!fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode) && (st.st_mode & S_IRWXO))
		fputs("esclusa key: warning: the file can be accessed by everyone on this machine; "
		      "'umask 077' first, and make another key\n",
		      stderr);
	key_random(key);
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

/* --- key stores --------------------------------------------------------------------------------
 */

/* Words after FILE, and options, that a command takes. */
enum {
	WORD = 1,
	MAY_WORD = 2,
	OPENS = 4, /* --passphrase-file, --credential-file */
	PASSPHRASE = 8,
	NEW_PASSPHRASE = 16,
	NEW_CREDENTIAL = 32,
	IMPORT = 64,
	LABEL = 128,
	JSON = 256,
};

static const struct {
	const char *name;
	unsigned int takes;
	int (*run)(const struct key_args *a);
} commands[] = {
	{"create", PASSPHRASE | IMPORT | LABEL, key_create},
	{"show", JSON, key_show},
	{"inspect", JSON, key_show},
	{"verify", OPENS, key_verify},
	{"add-slot", WORD | OPENS | NEW_PASSPHRASE | NEW_CREDENTIAL | LABEL, key_add_slot},
	{"remove-slot", WORD | OPENS, key_remove_slot},
	{"change-passphrase", MAY_WORD | OPENS | NEW_PASSPHRASE, key_change_passphrase},
	{"recovery", OPENS, key_recovery},
	{"rekey", OPENS | IMPORT, key_rekey},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct {
	const char *name;
	unsigned int of; /* commands that take it */
	size_t offset;	 /* of its value in struct key_args */
} options[] = {
	{"--passphrase-file", OPENS | PASSPHRASE, offsetof(struct key_args, passphrase_file)},
	{"--credential-file", OPENS, offsetof(struct key_args, credential_file)},
	{"--new-passphrase-file", NEW_PASSPHRASE, offsetof(struct key_args, new_passphrase_file)},
	{"--new-credential-file", NEW_CREDENTIAL, offsetof(struct key_args, new_credential_file)},
	{"--import", IMPORT, offsetof(struct key_args, import)},
	{"--label", LABEL, offsetof(struct key_args, label)},
};

/* The option's number, or -1. */
static int find_option(const char *name, unsigned int takes)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].of & takes && !strcmp(name, options[i].name))
			return (int)i;
	return -1;
}

/* 0, or the exit code of wrong usage. */
static int parse_args(int argc, char **argv, unsigned int takes, struct key_args *a)
{
	bool ends = false;

	for (int i = 2; i < argc; i++) {
		int option = ends ? -1 : find_option(argv[i], takes);

		if (!ends && !strcmp(argv[i], "--"))
			ends = true;
		else if (option >= 0 && i + 1 == argc)
			return cli_usage("key", help, "%s: expected a value after it", argv[i]);
		else if (option >= 0)
			*(const char **)((char *)a + options[option].offset) = argv[++i];
		else if (!ends && takes & JSON &&
			 (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json")))
			a->json = true;
		else if (!ends && argv[i][0] == '-')
			return cli_usage("key", help, "%s: unknown option '%s'", argv[1], argv[i]);
		else if (!a->file)
			a->file = argv[i];
		else if (takes & (WORD | MAY_WORD) && !a->word)
			a->word = argv[i];
		else
			return cli_usage("key", help, "%s: '%s' is one word too many", argv[1],
					 argv[i]);
	}
	if (!a->file)
		return cli_usage("key", help, "%s: expected a FILE", argv[1]);
	if (takes & WORD && !a->word)
		return cli_usage("key", help, "%s: expected another word after FILE", argv[1]);
	return a->passphrase_file && a->credential_file
		       ? cli_usage("key", help, "expected one file that opens the store, not two")
		       : 0;
}

int cmd_key(int argc, char **argv)
{
	struct key_args a = {.file = NULL};
	int code = cli_common(argc, argv, help);

	if (code >= 0)
		return code;
	esc_secret_guard_process();
	if (argc == 2 && !strcmp(argv[1], "generate"))
		return generate();
	if (argc == 2 && !strcmp(argv[1], "public"))
		return public();
	for (size_t i = 0; i < COMMANDS && argc > 1; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		code = parse_args(argc, argv, commands[i].takes, &a);
		return code ? code : commands[i].run(&a);
	}
	if (argc < 2)
		return cli_usage("key", help, "expected a word, such as generate or create");
	return cli_usage("key", help,
			 "'%s%s%s': expected generate, public, or a command for key stores",
			 argv[1], argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
}
