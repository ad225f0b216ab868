#define _GNU_SOURCE
#include "disk_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// MARK: The journal

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int is_open;
static char folder[PATH_MAX];
static size_t folder_length;

static struct disk_journal_entry *entries;
static uint64_t entry_count, entry_capacity;

/// The inodes seen so far; a node's number is its place.
struct seen {
    dev_t device;
    ino_t inode;
};
static struct seen *nodes;
static uint32_t node_count, node_capacity;

static void *grow(void *array, size_t size) {
    void *grown = realloc(array, size);
    if (!grown) abort();
    return grown;
}

/// Under `lock`. Returns the entry's number.
static uint64_t add(struct disk_journal_entry entry, const void *bytes, size_t count) {
    if (entry_count == entry_capacity) {
        entry_capacity = entry_capacity ? 2 * entry_capacity : 1024;
        entries = grow(entries, entry_capacity * sizeof *entries);
    }
    uint8_t *copy = grow(NULL, count + 1);
    memcpy(copy, bytes, count);
    copy[count] = 0;
    entry.bytes = copy;
    entry.byte_count = (uint32_t)count;
    entries[entry_count] = entry;
    return entry_count++;
}

static void add_unsupported(const char *call) {
    if (!is_open) return;
    pthread_mutex_lock(&lock);
    add((struct disk_journal_entry){.kind = disk_journal_unsupported}, call, strlen(call));
    pthread_mutex_unlock(&lock);
}

/// A path within the folder, relative to it ("" for itself); NULL for any other. Only absolute paths are looked at.
static const char *inside(const char *path) {
    if (!is_open || strncmp(path, folder, folder_length) != 0) return NULL;
    if (path[folder_length] == 0) return path + folder_length;
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

/// Under `lock`. The number of an inode that was seen; -1 for one that was not.
static int64_t find(const struct stat *status) {
    for (uint32_t number = node_count; number > 0; number--) {
        struct seen *node = &nodes[number - 1];
        if (node->inode == status->st_ino && node->device == status->st_dev) return number - 1;
    }
    return -1;
}

/// Under `lock`. The number of what lies at a path; an entry says so when it is seen for the first time. `is_new`: an
/// inode number may have belonged to a file that is gone.
static uint32_t see(const struct stat *status, const char *path, int is_new) {
    int64_t known = is_new ? -1 : find(status);
    if (known >= 0) return (uint32_t)known;
    if (node_count == node_capacity) {
        node_capacity = node_capacity ? 2 * node_capacity : 64;
        nodes = grow(nodes, node_capacity * sizeof *nodes);
    }
    nodes[node_count] = (struct seen){status->st_dev, status->st_ino};
    add((struct disk_journal_entry){.kind = disk_journal_seen, .node = node_count}, path, strlen(path));
    return node_count++;
}

/// Under `lock`. The folder that holds a path, and the name within it.
static uint32_t see_parent(const char *path, const char **name) {
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    strcpy(parent, folder);
    if (length) {
        strcat(parent, "/");
        strncat(parent, path, length);
    }
    *name = slash ? slash + 1 : path;
    struct stat status;
    if (stat(parent, &status) != 0) abort();
    return see(&status, parent + folder_length + (length ? 1 : 0), 0);
}

static void created(const char *path, const struct stat *status) {
    pthread_mutex_lock(&lock);
    const char *name;
    uint32_t parent = see_parent(path, &name);
    uint32_t node = see(status, path, 1);
    uint32_t kind = S_ISDIR(status->st_mode) ? disk_journal_created_folder : disk_journal_created_file;
    add((struct disk_journal_entry){.kind = kind, .node = node, .parent = parent}, name, strlen(name));
    pthread_mutex_unlock(&lock);
}

static void removed(const char *path) {
    pthread_mutex_lock(&lock);
    const char *name;
    uint32_t parent = see_parent(path, &name);
    add((struct disk_journal_entry){.kind = disk_journal_removed, .parent = parent}, name, strlen(name));
    pthread_mutex_unlock(&lock);
}

/// The number of an open file of the folder; -1 for any other.
static int64_t node_of(int file) {
    struct stat status;
    if (!is_open || fstat(file, &status) != 0) return -1;
    pthread_mutex_lock(&lock);
    int64_t node = find(&status);
    pthread_mutex_unlock(&lock);
    return node;
}

void disk_journal_open(const char *path) {
    if (strlen(path) >= sizeof folder) abort();
    for (uint64_t number = 0; number < entry_count; number++) free((void *)entries[number].bytes);
    entry_count = 0;
    node_count = 0;
    strcpy(folder, path);
    folder_length = strlen(path);
    is_open = 1;
}

void disk_journal_close(void) { is_open = 0; }

uint64_t disk_journal_count(void) { return entry_count; }

struct disk_journal_entry disk_journal_get(uint64_t number) {
    if (number >= entry_count) abort();
    return entries[number];
}

void disk_journal_add_mark(uint32_t kind, uint64_t value) {
    if (!is_open) return;
    pthread_mutex_lock(&lock);
    add((struct disk_journal_entry){.kind = disk_journal_mark, .node = kind, .offset = value}, "", 0);
    pthread_mutex_unlock(&lock);
}

// MARK: The calls

/// Written down before it is done: a crash may meet it half done.
static ssize_t journal_write(int file, const struct iovec *pieces, int piece_count, off_t offset) {
    int64_t node = node_of(file);
    if (node < 0) return syscall(SYS_pwritev, file, pieces, piece_count, offset, 0);
    size_t count = 0;
    for (int piece = 0; piece < piece_count; piece++) count += pieces[piece].iov_len;
    uint8_t *bytes = grow(NULL, count + 1);
    size_t filled = 0;
    for (int piece = 0; piece < piece_count; piece++) {
        memcpy(bytes + filled, pieces[piece].iov_base, pieces[piece].iov_len);
        filled += pieces[piece].iov_len;
    }
    pthread_mutex_lock(&lock);
    uint64_t number = add(
        (struct disk_journal_entry){.kind = disk_journal_wrote, .node = (uint32_t)node, .offset = (uint64_t)offset},
        bytes, count);
    pthread_mutex_unlock(&lock);
    free(bytes);
    ssize_t written = syscall(SYS_pwritev, file, pieces, piece_count, offset, 0);
    if (written != (ssize_t)count) add_unsupported("a write that was cut short");
    // Only this write: O_DSYNC says nothing about what was written to the file before.
    if (fcntl(file, F_GETFL) & O_DSYNC) {
        pthread_mutex_lock(&lock);
        add((struct disk_journal_entry){.kind = disk_journal_write_synced, .node = (uint32_t)node, .offset = number},
            "", 0);
        pthread_mutex_unlock(&lock);
    }
    return written;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    if (!is_open) return syscall(SYS_pwrite64, file, bytes, count, offset);
    struct iovec piece = {(void *)bytes, count};
    return journal_write(file, &piece, 1, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t offset) {
    return pwrite(file, bytes, count, offset);
}

/// A write at the descriptor's position, which it moves on.
static ssize_t write_on(int file, const struct iovec *pieces, int piece_count) {
    off_t position = fcntl(file, F_GETFL) & O_APPEND ? lseek(file, 0, SEEK_END) : lseek(file, 0, SEEK_CUR);
    ssize_t written = journal_write(file, pieces, piece_count, position);
    if (written > 0) lseek(file, position + written, SEEK_SET);
    return written;
}

ssize_t write(int file, const void *bytes, size_t count) {
    if (node_of(file) < 0) return syscall(SYS_write, file, bytes, count);
    struct iovec piece = {(void *)bytes, count};
    return write_on(file, &piece, 1);
}

ssize_t writev(int file, const struct iovec *pieces, int piece_count) {
    if (node_of(file) < 0) return syscall(SYS_writev, file, pieces, piece_count);
    return write_on(file, pieces, piece_count);
}

static void resized(int64_t node, uint64_t size) {
    pthread_mutex_lock(&lock);
    add((struct disk_journal_entry){.kind = disk_journal_resized, .node = (uint32_t)node, .offset = size}, "", 0);
    pthread_mutex_unlock(&lock);
}

int ftruncate(int file, off_t size) {
    int64_t node = node_of(file);
    if (node >= 0) resized(node, (uint64_t)size);
    return (int)syscall(SYS_ftruncate, file, size);
}

int ftruncate64(int file, off_t size) { return ftruncate(file, size); }

int posix_fallocate(int file, off_t offset, off_t count) {
    int64_t node = node_of(file);
    if (syscall(SYS_fallocate, file, 0, offset, count) != 0) return errno;
    struct stat status;
    if (node >= 0 && fstat(file, &status) == 0) resized(node, (uint64_t)status.st_size);
    return 0;
}

int posix_fallocate64(int file, off_t offset, off_t count) { return posix_fallocate(file, offset, count); }

/// What was written before the call is durable after it; in between, anything is possible. The kernel is not asked to
/// wait for a disk: the journal is the disk.
static int journal_sync(int file, long call) {
    int64_t node = node_of(file);
    if (node < 0) return (int)syscall(call, file);
    uint64_t covered = entry_count;
    pthread_mutex_lock(&lock);
    add((struct disk_journal_entry){.kind = disk_journal_synced, .node = (uint32_t)node, .offset = covered}, "", 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int file) { return journal_sync(file, SYS_fsync); }
int fdatasync(int file) { return journal_sync(file, SYS_fdatasync); }

static int open_and_see(int directory, const char *path, int flags, mode_t mode) {
    const char *within = inside(path);
    struct stat status;
    int existed = within && fstatat(directory, path, &status, 0) == 0;
    int file = (int)syscall(SYS_openat, directory, path, flags, mode);
    if (file < 0 || !within || fstat(file, &status) != 0) return file;
    if (!existed && flags & O_CREAT) {
        created(within, &status);
    } else {
        pthread_mutex_lock(&lock);
        uint32_t node = see(&status, within, 0);
        if (flags & O_TRUNC)
            add((struct disk_journal_entry){.kind = disk_journal_resized, .node = node, .offset = 0}, "", 0);
        pthread_mutex_unlock(&lock);
    }
    return file;
}

static mode_t mode_of(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_and_see(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_and_see(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_and_see(directory, path, flags, mode);
}

int mkdirat(int directory, const char *path, mode_t mode) {
    const char *within = inside(path);
    int result = (int)syscall(SYS_mkdirat, directory, path, mode);
    struct stat status;
    if (result == 0 && within && stat(path, &status) == 0) created(within, &status);
    return result;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int unlinkat(int directory, const char *path, int flags) {
    const char *within = inside(path);
    // A removal relative to a descriptor: its folder's path is asked of the kernel.
    char name[PATH_MAX] = "", whole[2 * PATH_MAX];
    if (is_open && path[0] != '/' && directory != AT_FDCWD) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        if (readlink(link, name, sizeof name - 1) > 0) {
            snprintf(whole, sizeof whole, "%s/%s", name, path);
            within = inside(whole);
        }
    }
    int result = (int)syscall(SYS_unlinkat, directory, path, flags);
    if (result == 0 && within) removed(within);
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    if (inside(from) || inside(to)) add_unsupported("rename");
    return (int)syscall(SYS_renameat, from_directory, from, to_directory, to);
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int truncate(const char *path, off_t size) {
    if (inside(path)) add_unsupported("truncate");
    return (int)syscall(SYS_truncate, path, size);
}

// MARK: Last words

static char last_words[1024];

static void say_last_words(int signal) {
    syscall(SYS_write, STDERR_FILENO, last_words, strlen(last_words));
    // The default action follows, SA_RESETHAND saw to it.
    raise(signal);
}

void disk_journal_last_words(const char *text) {
    static int is_set;
    if (!is_set) {
        is_set = 1;
        struct sigaction action = {.sa_handler = say_last_words, .sa_flags = SA_RESETHAND | SA_NODEFER};
        int signals[] = {SIGBUS, SIGSEGV, SIGILL, SIGABRT, SIGTRAP, SIGFPE};
        for (size_t place = 0; place < sizeof signals / sizeof *signals; place++) sigaction(signals[place], &action, 0);
    }
    strncpy(last_words, text, sizeof last_words - 1);
}
