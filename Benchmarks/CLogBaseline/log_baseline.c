#include "log_baseline.h"
#include <lmdb.h>
#include <string.h>
#include <time.h>

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t big_endian(uint64_t v) { return __builtin_bswap64(v); }

int log_baseline_append(
    const char *path, const void *batch, size_t batch_bytes, size_t batch_count, size_t map_bytes, uint64_t *nanoseconds) {
    MDB_env *env;
    MDB_dbi dbi = 0;
    int code = mdb_env_create(&env);
    if (code) return code;
    if ((code = mdb_env_set_mapsize(env, map_bytes)) || (code = mdb_env_open(env, path, 0, 0600))) goto end;
    for (size_t i = 0; i < batch_count; i++) {
        uint64_t start = now();
        MDB_txn *txn;
        if ((code = mdb_txn_begin(env, NULL, 0, &txn))) goto end;
        if (i == 0 && (code = mdb_dbi_open(txn, NULL, 0, &dbi))) goto end;
        uint64_t name = big_endian(i);
        MDB_val key = {sizeof name, &name};
        MDB_val value = {batch_bytes, NULL};
        if ((code = mdb_put(txn, dbi, &key, &value, MDB_APPEND | MDB_RESERVE))) goto end;
        memcpy(value.mv_data, batch, batch_bytes);
        if ((code = mdb_txn_commit(txn))) goto end;
        nanoseconds[i] = now() - start;
    }
end:
    mdb_env_close(env);
    return code;
}

int log_baseline_scan(const char *path, uint64_t *sum, uint64_t *bytes) {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_env_create(&env);
    if (code) return code;
    *sum = *bytes = 0;
    if ((code = mdb_env_open(env, path, MDB_RDONLY, 0600)) || (code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn))) goto end;
    if ((code = mdb_dbi_open(txn, NULL, 0, &dbi)) || (code = mdb_cursor_open(txn, dbi, &cursor))) goto end;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        const uint64_t *words = value.mv_data;
        for (size_t i = 0; i < value.mv_size / 8; i++) *sum += words[i];
        *bytes += value.mv_size;
    }
    if (code == MDB_NOTFOUND) code = 0;
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
end:
    mdb_env_close(env);
    return code;
}
