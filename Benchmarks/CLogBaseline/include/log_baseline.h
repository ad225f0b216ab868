#pragma once
#include <stddef.h>
#include <stdint.h>

/// Appends `commits` durable transactions of `values` values of `value_bytes` bytes each to an LMDB environment in an
/// existing folder, with MDB_APPEND | MDB_RESERVE: the least that any log on LMDB has to do. `flags` are added to those
/// of mdb_env_open. The time of each commit goes into `nanoseconds` (room for `commits`). Returns 0 or LMDB's code.
int log_baseline_append(
    const char *path, unsigned flags, const void *value, size_t value_bytes, size_t values, size_t commits,
    uint64_t *nanoseconds);

/// LMDB's flags that change what a commit waits for.
extern const unsigned log_baseline_writemap, log_baseline_nometasync, log_baseline_nosync;

/// Walks through all values and sums their bytes, 8 at a time.
int log_baseline_scan(const char *path, uint64_t *sum, uint64_t *bytes);

/// Looks `count` keys of 16 bytes up in an environment of `entries` such keys with values of 128 bytes, which it makes
/// first. The time of all look-ups together goes into `nanoseconds`.
int log_baseline_lookup(const char *path, size_t entries, size_t count, uint64_t *nanoseconds);
