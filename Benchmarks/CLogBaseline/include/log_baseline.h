#pragma once
#include <stddef.h>
#include <stdint.h>

/// Appends `batch_count` values of `batch_bytes` bytes to an LMDB environment in an existing folder, each in a durable
/// transaction of its own with MDB_APPEND | MDB_RESERVE: the least that any log on LMDB has to do.
/// The time of each commit goes into `nanoseconds` (room for `batch_count`). Returns 0 or LMDB's code.
int log_baseline_append(
    const char *path, const void *batch, size_t batch_bytes, size_t batch_count, size_t map_bytes, uint64_t *nanoseconds);

/// Walks through all values and sums their bytes, 8 at a time. Returns 0 or LMDB's code.
int log_baseline_scan(const char *path, uint64_t *sum, uint64_t *bytes);
