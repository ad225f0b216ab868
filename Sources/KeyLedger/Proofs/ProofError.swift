public import CryptoPrimitives
public import LedgerStore
public import Transparency

/// Why something cannot be proved, signed or published. Every case says what to do about it.
public enum ProofError: Error, Hashable, Sendable {
    /// Nothing was signed yet.
    case noCheckpoint
    /// There is no checkpoint of this size.
    case unknownCheckpoint(size: TreeSize)
    /// The log has no such event.
    case unknownEvent(String, eventCount: UInt64)
    /// No checkpoint commits to the event yet.
    case beyondCheckpoint(event: UInt64, size: TreeSize)
    /// The log does not lead to what was signed.
    case historyChanged(size: TreeSize)
    /// The log is shorter than what was signed: an old copy is in use.
    case logBehindCheckpoint(eventCount: UInt64, size: TreeSize)
    /// A file in `checkpoints/`, or in a second place, is not what it must be.
    case damaged(path: String, reason: String)
    /// A checkpoint is not one to rely on.
    case checkpoint(CheckpointError)
    /// A proof proves nothing.
    case refused(ProofRefusal)
    /// The log must not sign.
    case signing(CheckpointSigningError)
    /// The ledger's origin cannot be the name of a key.
    case unusableOrigin(String)
    /// A second place has not got the checkpoints; they will be sent again.
    case delivery(place: String, reason: String)
    /// A second place has another history.
    case fork(place: String, size: TreeSize)
    /// A witness's answer does not help.
    case witness(String)
    /// A timestamp does not hold.
    case timestamp(TimestampError)
    /// A range of events is none.
    case invalidRange(from: UInt64, to: UInt64)
    /// More than a bundle of evidence holds.
    case tooManyEvents(count: Int, limit: Int)
    case keyStore(KeyStoreError)
    case store(StoreError)
}

extension ProofError: CustomStringConvertible {
    /// What happened and what to do.
    public var description: String {
        switch self {
        case .noCheckpoint: "the ledger has no checkpoint yet. Make one with `keyledger checkpoint`."
        case .unknownCheckpoint(let size):
            "there is no checkpoint of size \(size). List them with `keyledger checkpoint list`."
        case .unknownEvent(let event, let count): "there is no event \(event): the log has \(count) events."
        case .beyondCheckpoint(let event, let size):
            "event \(event) is not in a checkpoint yet (the one to be used ends before event \(size)). "
                + "Make one with `keyledger checkpoint`."
        case .historyChanged(let size):
            "the log does not lead to the checkpoint of size \(size): events before it were changed. "
                + "Run `keyledger verify`, and keep the checkpoint: it is evidence."
        case .logBehindCheckpoint(let count, let size):
            "the log has \(count) events, but a checkpoint of \(size) was signed: this is an old copy, "
                + "or its end was cut off. Nothing is signed until the right log is back."
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason). Restore it from a second place or a backup."
        case .checkpoint(let error): "\(error)."
        case .refused(let refusal): "\(refusal)."
        case .signing(let error): "\(error)."
        case .unusableOrigin(let origin):
            "the origin \(origin.debugDescription) cannot be the name of a key: white space and plus signs are not allowed."
        case .delivery(let place, let reason):
            "\(place) did not take the checkpoints: \(reason). They are kept and sent again with the next one."
        case .fork(let place, let size):
            "\(place) has another checkpoint of size \(size) than this ledger: one of the two histories is forged. "
                + "Keep both files: together they are evidence."
        case .witness(let reason): "the witness's answer does not help: \(reason)."
        case .timestamp(let error): "the timestamp does not hold: \(error)."
        case .invalidRange(let from, let to): "events \(from) to \(to) are no range: it ends before it begins."
        case .tooManyEvents(let count, let limit):
            "\(count) events are more than the \(limit) of one bundle; choose smaller ranges."
        case .keyStore(let error): error.description
        case .store(let error): error.description
        }
    }
}

extension ProofError {
    /// Runs a step of the store and passes its errors on under this name.
    static func store<Result: ~Copyable>(_ body: () throws(StoreError) -> Result) throws(ProofError) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw .store(error)
        }
    }

    /// Runs a step of the key store and passes its errors on under this name.
    static func keyStore<Result: ~Copyable>(
        _ body: () throws(KeyStoreError) -> Result
    ) throws(ProofError) -> Result {
        do throws(KeyStoreError) {
            return try body()
        } catch {
            throw .keyStore(error)
        }
    }

    /// Runs a cryptographic step and passes its errors on under this name.
    static func crypto<Result: ~Copyable>(_ body: () throws(CryptoError) -> Result) throws(ProofError) -> Result {
        do throws(CryptoError) {
            return try body()
        } catch {
            throw .keyStore(.crypto(error))
        }
    }
}
