#include "log_baseline.h"
#include <lmdb.h>
#include <string.h>
#include <time.h>

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t mix(uint64_t z) {
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int open_env(const char *path, size_t map_bytes, unsigned flags, MDB_env **env) {
    int code = mdb_env_create(env);
    if (code) return code;
    if ((code = mdb_env_set_maxdbs(*env, 16))) return code;
    if (map_bytes && (code = mdb_env_set_mapsize(*env, map_bytes))) return code;
    return mdb_env_open(*env, path, flags, 0600);
}

const unsigned log_baseline_writemap = MDB_WRITEMAP, log_baseline_nometasync = MDB_NOMETASYNC,
               log_baseline_nosync = MDB_NOSYNC;

int log_baseline_append(
    const char *path, unsigned flags, const void *value_bytes_from, size_t value_bytes, size_t values, size_t commits,
    uint64_t *nanoseconds) {
    MDB_env *env;
    MDB_dbi dbi = 0;
    size_t map_bytes = commits * values * (value_bytes + (value_bytes > 2000 ? 8192 : 64)) * 2 + commits * 16384 + (1u << 24);
    int code = open_env(path, map_bytes, flags, &env);
    for (size_t i = 0; !code && i < commits; i++) {
        uint64_t start = now();
        MDB_txn *txn;
        if ((code = mdb_txn_begin(env, NULL, 0, &txn))) break;
        if (i == 0 && (code = mdb_dbi_open(txn, NULL, 0, &dbi))) break;
        for (size_t j = 0; j < values; j++) {
            uint64_t name = __builtin_bswap64(i * values + j);
            MDB_val key = {sizeof name, &name};
            MDB_val value = {value_bytes, NULL};
            if ((code = mdb_put(txn, dbi, &key, &value, MDB_APPEND | MDB_RESERVE))) break;
            memcpy(value.mv_data, value_bytes_from, value_bytes);
        }
        if (code || (code = mdb_txn_commit(txn))) break;
        nanoseconds[i] = now() - start;
    }
    mdb_env_close(env);
    return code;
}

int log_baseline_scan(const char *path, uint64_t *sum, uint64_t *bytes) {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    *sum = *bytes = 0;
    int code = open_env(path, 0, MDB_RDONLY, &env);
    if (!code && !(code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn))) {
        if (!(code = mdb_dbi_open(txn, NULL, 0, &dbi)) && !(code = mdb_cursor_open(txn, dbi, &cursor))) {
            while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
                const uint64_t *words = value.mv_data;
                for (size_t i = 0; i < value.mv_size / 8; i++) *sum += words[i];
                *bytes += value.mv_size;
            }
            if (code == MDB_NOTFOUND) code = 0;
            mdb_cursor_close(cursor);
        }
        mdb_txn_abort(txn);
    }
    mdb_env_close(env);
    return code;
}

int log_baseline_lookup(const char *path, size_t entries, size_t count, uint64_t *nanoseconds) {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;
    uint64_t id[2] = {0, 0};
    char record[128] = {0};
    MDB_val key = {sizeof id, id};
    MDB_val value = {sizeof record, record};
    int code = open_env(path, entries * 400 + (1u << 24), MDB_NOSYNC, &env);
    if (code || (code = mdb_txn_begin(env, NULL, 0, &txn))) goto end;
    if ((code = mdb_dbi_open(txn, NULL, 0, &dbi))) goto end;
    for (size_t i = 0; i < entries; i++) {
        id[0] = __builtin_bswap64(i);
        if ((code = mdb_put(txn, dbi, &key, &value, MDB_APPEND))) goto end;
    }
    if ((code = mdb_txn_commit(txn))) goto end;
    if ((code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn))) goto end;
    uint64_t start = now();
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        id[0] = __builtin_bswap64(mix(i) % entries);
        if ((code = mdb_get(txn, dbi, &key, &value))) goto end;
        sum += *(const uint64_t *)value.mv_data;
    }
    *nanoseconds = now() - start + (sum == 42);
    mdb_txn_abort(txn);
end:
    mdb_env_close(env);
    return code;
}
