#pragma once
#include <stddef.h>
#include <stdint.h>

/// Appends `batch_count` values of `batch_bytes` bytes to an LMDB environment in an existing folder, each in a durable
/// transaction of its own with MDB_APPEND | MDB_RESERVE: the least that any log on LMDB has to do.
/// The time of each commit goes into `nanoseconds` (room for `batch_count`). Returns 0 or LMDB's code.
int log_baseline_append(
    const char *path, const void *batch, size_t batch_bytes, size_t batch_count, size_t map_bytes, uint64_t *nanoseconds);

/// Walks through all values of the table `name` (NULL for the default one) and sums their bytes, 8 at a time.
int log_baseline_scan(const char *path, const char *name, uint64_t *sum, uint64_t *bytes);

/// Looks `count` keys of 16 bytes up in an environment of `entries` such keys with values of 128 bytes, which it makes
/// first. The time of all look-ups together goes into `nanoseconds`.
int log_baseline_lookup(const char *path, size_t entries, size_t count, uint64_t *nanoseconds);
