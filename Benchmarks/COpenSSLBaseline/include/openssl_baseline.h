#pragma once
#include <stdint.h>

/// What is measured: each thread has its key and context ready and does nothing else.
enum openssl_operation { openssl_sign, openssl_verify, openssl_encrypt, openssl_decrypt };

/// Repeats an operation on a message of so many bytes on some threads for some time.
/// Returns how often it was done, or 0 if OpenSSL failed.
uint64_t openssl_baseline(enum openssl_operation operation, int threads, int message_bytes, uint64_t nanoseconds);
