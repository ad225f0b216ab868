#ifndef DISK_JOURNAL_H
#define DISK_JOURNAL_H

#include <stdint.h>

/// The system calls that change files, written down on their way to the kernel.
///
/// A program that links this target defines `pwrite`, `fsync` and the like itself; the dynamic linker prefers its
/// definitions for every library of the process, liblmdb.so among them. Each passes its call on and, while a journal is
/// open and the file lies in the journal's folder, adds an entry. Calls that glibc makes within itself are not seen.

/// What an entry says happened.
enum disk_journal_kind {
    /// A file or folder was seen for the first time: `node` is its number from now on, `bytes` its path.
    disk_journal_seen = 1,
    /// `node`, seen just before, is new: a file in the folder `parent`, under the name in `bytes`.
    disk_journal_created_file,
    /// Likewise, a folder.
    disk_journal_created_folder,
    /// The name in `bytes` went from the folder `parent`.
    disk_journal_removed,
    /// `bytes` were written at `offset` of `node`.
    disk_journal_wrote,
    /// `node` got the size `offset`.
    disk_journal_resized,
    /// All of `node` that entries before number `offset` say is durable: its bytes, its size, or a folder's names.
    disk_journal_synced,
    /// The one entry number `offset`, a write through a descriptor with O_DSYNC, is durable.
    disk_journal_write_synced,
    /// Something the caller wants to remember, in `node` and `offset`.
    disk_journal_mark,
    /// A call that this journal cannot reproduce: `bytes` say which.
    disk_journal_unsupported,
};

struct disk_journal_entry {
    uint32_t kind;
    uint32_t node;
    uint32_t parent;
    uint32_t byte_count;
    uint64_t offset;
    /// The journal's own copy. A path is relative to the folder.
    const uint8_t *bytes;
};

/// Opens a journal for what happens in a folder from now on. One at a time.
void disk_journal_open(const char *folder);

/// Adds a mark, if a journal is open.
void disk_journal_add_mark(uint32_t kind, uint64_t value);

/// Writes nothing down any more; the entries stay until the next `disk_journal_open`.
void disk_journal_close(void);

/// How many entries there are.
uint64_t disk_journal_count(void);

/// The entry with a number below `disk_journal_count()`.
struct disk_journal_entry disk_journal_get(uint64_t number);

/// Says on standard error, should the process be ended by a signal, what it was doing. The text is copied.
void disk_journal_last_words(const char *text);

#endif
