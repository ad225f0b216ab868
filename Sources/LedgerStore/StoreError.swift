/// What can go wrong between a ledger and the disk it lives on. Every case says what to do about it.
public enum StoreError: Error, Hashable, Sendable {
    /// The folder holds no ledger, or not a whole one.
    case notALedger(path: String, reason: String)
    /// There is a ledger (or something else) where a new one was to be created.
    case alreadyExists(path: String)
    /// The ledger was written in a format this version does not know.
    case unsupportedFormat(path: String, found: Int, supported: Int)
    /// Another process has the ledger open for writing.
    case locked(path: String, holder: String)
    /// The folder or one of its files may not be written.
    case readOnly(path: String)
    /// The disk is full. Nothing acknowledged is lost.
    case diskFull(path: String)
    /// Bytes that were read contradict themselves or what was committed.
    case damaged(path: String, sequence: UInt64?, reason: String)
    /// Bytes of `state/` are not what was written. Nothing is lost: the next opening rebuilds it from the log.
    case stateDamaged(path: String, reason: String)
    /// More events are waiting than the queue may hold; try again after some have completed.
    case overloaded(queuedEvents: Int)
    /// A batch is larger than a block may be.
    case batchTooLarge(count: Int, limit: Int)
    /// The ledger was closed.
    case closed
    /// An earlier write failed, so memory is ahead of the disk; open the ledger again.
    case failed(reason: String)
    /// The system refused an operation for another reason.
    case system(operation: String, path: String, reason: String)

    init(_ error: LMDBError) {
        if error.isDiskFull {
            self = .diskFull(path: error.path)
        } else if error.isReadOnly {
            self = .readOnly(path: error.path)
        } else if error.isClosed {
            self = .closed
        } else if error.isMissing {
            self = .notALedger(path: error.path, reason: "\(error.operation): the folder or its data is missing")
        } else if error.isDamaged {
            self = .damaged(path: error.path, sequence: nil, reason: "\(error.operation): \(error.message)")
        } else {
            self = .system(operation: error.operation, path: error.path, reason: error.message)
        }
    }
}

extension StoreError: CustomStringConvertible {
    /// What happened to what, and what to do about it.
    public var description: String {
        switch self {
        case .notALedger(let path, let reason):
            "\(path) is not a ledger: \(reason). Create one with `keyledger init`, or check the path."
        case .alreadyExists(let path):
            "\(path) already exists and is not empty; nothing was changed. Choose another folder."
        case .unsupportedFormat(let path, let found, let supported):
            "\(path) has format \(found); this version reads format \(supported). Use the version that wrote it."
        case .locked(let path, let holder):
            "\(path) is being written by \(holder). Wait for it to finish; reading commands work meanwhile."
        case .readOnly(let path):
            "\(path) cannot be written: permission denied or read-only file system. Nothing was changed."
        case .diskFull(let path):
            "\(path): the disk is full. Every acknowledged event is safe; free space and open the ledger again."
        case .damaged(let path, let sequence, let reason):
            if let sequence {
                "\(path) is damaged at event \(sequence): \(reason). Run `keyledger verify` for what is still trustworthy."
            } else {
                "\(path) is damaged: \(reason). Run `keyledger verify` for what is still trustworthy."
            }
        case .stateDamaged(let path, let reason):
            "\(path) is damaged: \(reason). Nothing is lost: open the ledger again, and `state/` is rebuilt from the log."
        case .overloaded(let queuedEvents):
            "\(queuedEvents) events are already waiting to be written; retry when some have completed."
        case .batchTooLarge(let count, let limit):
            "a batch of \(count) events is larger than the limit of \(limit); split it."
        case .closed:
            "the ledger is closed; open it again."
        case .failed(let reason):
            "an earlier write failed (\(reason)); nothing acknowledged is lost. Open the ledger again."
        case .system(let operation, let path, let reason):
            "\(operation) failed for \(path): \(reason)."
        }
    }
}
