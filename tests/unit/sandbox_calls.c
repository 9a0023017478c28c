/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter of system calls: what a packet process calls passes with the arguments that it uses,
 * and with no other; everything else ends the process.
 */
#include <poll.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <time.h>

#include "ipc/msg.h"
#include "locked_in.h"

static uint64_t eight;
static _Alignas(4096) uint8_t page[4096];
static struct esc_msg message;
static const struct sockaddr_un somewhere = {.sun_family = AF_UNIX, .sun_path = "/tmp/x"};
static const struct timespec at_once;
static struct pollfd fds[2 + ESC_QUEUES_MAX + 1];
static struct msghdr empty;

/* try_NAME(): make the call. */
#define TRY(name, call)                                                                            \
	static int try_##name(void)                                                                \
	{                                                                                          \
		return result(call);                                                               \
	}

TRY(read_own_bell, read(ESC_FD_RED_WAKE, &eight, 8))
TRY(read_more_of_it, read(ESC_FD_RED_WAKE, &message, 9))
TRY(read_peer_bell, read(ESC_FD_CRYPTO_WAKE, &eight, 8))
TRY(read_memfd, read(ESC_FD_STATUS, &eight, 8))
TRY(write_peer_bell, write(ESC_FD_CRYPTO_WAKE, &eight, 8))
TRY(write_more_to_it, write(ESC_FD_CRYPTO_WAKE, &message, 16))
TRY(write_own_bell, write(ESC_FD_RED_WAKE, &eight, 8))
TRY(write_log, write(ESC_FD_LOG, "x", 1))
TRY(block_bell, fcntl(ESC_FD_CRYPTO_WAKE, F_SETFL, 0))
TRY(kick, sendto(ESC_FD_XSK, NULL, 0, MSG_DONTWAIT, NULL, 0))
TRY(kick_waiting, sendto(ESC_FD_XSK, NULL, 0, 0, NULL, 0))
TRY(kick_with_data, sendto(ESC_FD_XSK, &eight, 8, MSG_DONTWAIT, NULL, 0))
TRY(kick_with_pointer, sendto(ESC_FD_XSK, &eight, 0, MSG_DONTWAIT, NULL, 0))
TRY(kick_to_address, sendto(ESC_FD_XSK, NULL, 0, MSG_DONTWAIT, (const struct sockaddr *)&somewhere,
			    sizeof(somewhere)))
TRY(kick_no_socket, sendto(ESC_FD_XSK + 1, NULL, 0, MSG_DONTWAIT, NULL, 0))
TRY(refill, recvfrom(ESC_FD_XSK, NULL, 0, MSG_DONTWAIT, NULL, NULL))
TRY(refill_with_buffer, recvfrom(ESC_FD_XSK, &eight, 8, MSG_DONTWAIT, NULL, NULL))
TRY(ask_statistics, getsockopt(ESC_FD_XSK, 283, 7, &eight, &(socklen_t){8}))
TRY(ask_credentials, getsockopt(ESC_FD_CONTROL, SOL_SOCKET, SO_PEERCRED, &eight, &(socklen_t){8}))
TRY(ask_something_else, getsockopt(ESC_FD_XSK, 283, 1, &eight, &(socklen_t){8}))
TRY(send_message, send(ESC_FD_CONTROL, &message, sizeof(message), MSG_NOSIGNAL))
TRY(send_too_much, send(ESC_FD_CONTROL, &message, sizeof(message) + 1, MSG_NOSIGNAL))
TRY(send_out_of_band, send(ESC_FD_CONTROL, &message, 8, MSG_NOSIGNAL | MSG_OOB))
TRY(send_to_address, sendto(ESC_FD_CONTROL, &message, 8, MSG_NOSIGNAL,
			    (const struct sockaddr *)&somewhere, sizeof(somewhere)))
TRY(send_descriptors, sendmsg(ESC_FD_CONTROL, &empty, 0))
TRY(receive_message, recv(ESC_FD_CONTROL, &message, sizeof(message), MSG_TRUNC))
TRY(receive_descriptors, recvmsg(ESC_FD_CONTROL, &empty, 0))
TRY(sleep_a_while, ppoll(fds, 1, &at_once, NULL))
TRY(sleep_on_too_many, ppoll(fds, 3 + ESC_QUEUES_MAX, &at_once, NULL))
TRY(sleep_unmasked, ppoll(fds, 1, &at_once, &(sigset_t){0}))
TRY(ask_time, syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &message))
TRY(ask_clock_of_process, syscall(SYS_clock_gettime, (int)(~1u << 3 | 2u), &message))
TRY(ask_for_random, syscall(SYS_getrandom, &message, 256, 0))
TRY(ask_for_insecure_random, syscall(SYS_getrandom, &message, 8, 4))
TRY(open_guarded_page, mprotect(page, sizeof(page), PROT_READ | PROT_WRITE))
TRY(name_itself, prctl(PR_SET_NAME, "x"))
TRY(be_traced, syscall(SYS_ptrace, 0, 0, 0, 0))
TRY(execute, execl("/bin/true", "true", NULL))
TRY(load_bpf, syscall(SYS_bpf, 0, &message, 8))
TRY(pass_the_filter_by, syscall(SYS_io_uring_setup, 1, &message))
TRY(map_memory, (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
TRY(map_executable,
    (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
TRY(grow_heap, (long)sbrk(1 << 20))
TRY(map_file, (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, ESC_FD_STATUS, 0))
#ifdef __x86_64__
TRY(call_x32, syscall(0x40000000 | SYS_sendto, ESC_FD_XSK, NULL, 0, MSG_DONTWAIT, NULL, 0))

/* exit_group of the 32-bit table has the number of another call. */
static int try_call_32_bit(void)
{
	__asm__ volatile("int $0x80" : : "a"(252), "b"(0) : "memory");
	return WORKED;
}
#endif

#define DEADLY KILLED_BY(SIGSYS)

static const struct {
	const char *what;
	int (*try)(void);
	int expected;
} calls[] = {
#define C(name, expected)                                                                          \
	{                                                                                          \
#name, try_##name, expected                                                        \
	}
	C(read_own_bell, EAGAIN),
	C(read_more_of_it, DEADLY),
	C(read_peer_bell, DEADLY),
	C(read_memfd, DEADLY),
	C(write_peer_bell, WORKED),
	C(write_more_to_it, DEADLY),
	C(write_own_bell, DEADLY),
	C(write_log, DEADLY),
	C(block_bell, DEADLY),
	C(kick, ENOTCONN), /* the test's is no AF_XDP socket */
	C(kick_waiting, DEADLY),
	C(kick_with_data, DEADLY),
	C(kick_with_pointer, DEADLY),
	C(kick_to_address, DEADLY),
	C(kick_no_socket, DEADLY),
	C(refill, EAGAIN),
	C(refill_with_buffer, DEADLY),
	C(ask_statistics, EOPNOTSUPP),
	C(ask_credentials, DEADLY),
	C(ask_something_else, DEADLY),
	C(send_message, WORKED),
	C(send_too_much, DEADLY),
	C(send_out_of_band, DEADLY),
	C(send_to_address, DEADLY),
	C(send_descriptors, DEADLY),
	C(receive_message, EAGAIN),
	C(receive_descriptors, DEADLY),
	C(sleep_a_while, WORKED),
	C(sleep_on_too_many, DEADLY),
	C(sleep_unmasked, DEADLY),
	C(ask_time, WORKED),
	C(ask_clock_of_process, DEADLY),
	C(ask_for_random, WORKED),
	C(ask_for_insecure_random, DEADLY),
	C(open_guarded_page, WORKED),
	C(name_itself, DEADLY),
	C(be_traced, DEADLY),
	C(execute, DEADLY),
	C(load_bpf, DEADLY),
	C(pass_the_filter_by, DEADLY),
#ifdef __x86_64__
	C(call_x32, DEADLY),
	C(call_32_bit, DEADLY),
#endif
#undef C
};

static void only_known_calls_with_known_arguments_pass(void **state)
{
	(void)state;
	skip_unless(built(ESC_LAYER_seccomp), "a build without sanitizer");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		expect(calls[i].what, ONLY(seccomp), calls[i].try, calls[i].expected);
	expect("mapping memory", ONLY(seccomp), try_map_memory, WORKED);
	expect("mapping executable memory", ONLY(seccomp), try_map_executable, DEADLY);
	expect("mapping a file", ONLY(seccomp), try_map_file, DEADLY);
	skip_unless(root, "root");
	/* with static memory malloc hears that there is no more */
	expect("mapping memory", ONLY(seccomp) & ~ESC_LAYER_BIT(ESC_LAYER_memory), try_map_memory,
	       ENOMEM);
	expect("growing the heap", ONLY(seccomp) & ~ESC_LAYER_BIT(ESC_LAYER_memory), try_grow_heap,
	       ENOMEM);
}

#define LAST_XSK (ESC_FD_XSK + (int)ESC_QUEUES_MAX - 1)
TRY(kick_last, sendto(LAST_XSK, NULL, 0, MSG_DONTWAIT, NULL, 0))
TRY(kick_beyond, sendto(LAST_XSK + 1, NULL, 0, MSG_DONTWAIT, NULL, 0))
TRY(sleep_on_all, ppoll(fds, 2 + ESC_QUEUES_MAX, &at_once, NULL))

static void as_many_queues_as_there_can_be_are_in_the_filter(void **state)
{
	(void)state;
	skip_unless(built(ESC_LAYER_seccomp), "a build without sanitizer");
	queues = ESC_QUEUES_MAX;
	expect("the first queue", 0, try_kick, ENOTCONN);
	expect("the last queue", 0, try_kick_last, ENOTCONN);
	expect("no queue", 0, try_kick_beyond, DEADLY);
	expect("sleeping on all of them", 0, try_sleep_on_all, WORKED);
	queues = 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_known_calls_with_known_arguments_pass),
		cmocka_unit_test(as_many_queues_as_there_can_be_are_in_the_filter),
	};

	return cmocka_run_group_tests(tests, locked_in_set_up, NULL);
}
