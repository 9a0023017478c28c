/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h: lines for the administrator on standard error, "esclusa[NAME domain]: text", or with a
 * "<level>" prefix that journald understands when JOURNAL_STREAM is set. No secrets and no packet
 * bytes, ever. A line that nobody takes is lost: no process waits for a reader that hangs.
 * Thread-safe per line.
 */
#ifndef ESC_BASE_LOG_H
#define ESC_BASE_LOG_H

enum esc_log_level { ESC_LOG_ERR = 3, ESC_LOG_WARN = 4, ESC_LOG_INFO = 6, ESC_LOG_DEBUG = 7 };

/* name and domain may be NULL; copied. ESCLUSA_LOG=debug in the environment shows debug lines. */
void esc_log_init(const char *name, const char *domain);

__attribute__((format(printf, 2, 3))) void esc_log(enum esc_log_level level, const char *fmt, ...);

/* Text of several lines, each as a line of its own. */
void esc_log_text(enum esc_log_level level, const char *text);

/*
 * From now on lines go to sink, as text without a prefix, and nothing is written: for a process
 * that may not write to files. NULL: standard error again.
 */
typedef void esc_log_sink(enum esc_log_level level, const char *text);
void esc_log_to(esc_log_sink *sink);

#define esc_err(...)   esc_log(ESC_LOG_ERR, __VA_ARGS__)
#define esc_warn(...)  esc_log(ESC_LOG_WARN, __VA_ARGS__)
#define esc_info(...)  esc_log(ESC_LOG_INFO, __VA_ARGS__)
#define esc_debug(...) esc_log(ESC_LOG_DEBUG, __VA_ARGS__)

#endif
