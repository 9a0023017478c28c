/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ESC_BENCH_LOAD_H
#define ESC_BENCH_LOAD_H

#include <stdint.h>

/* Subcommands of build/bench/load; each returns an exit code. */
int load_flood(int argc, char **argv);
int load_sink(int argc, char **argv);
int load_peer(int argc, char **argv);
int load_forward(int argc, char **argv);

/* The i-th private key of a seed: peers of a benchmark need many keys and no secrets. */
void load_key(uint32_t seed, uint32_t i, uint8_t private_key[32], uint8_t public_key[32]);

double load_seconds(void);

#endif
