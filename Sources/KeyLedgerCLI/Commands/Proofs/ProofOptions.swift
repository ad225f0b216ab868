import ArgumentParser
import CryptoPrimitives
import KeyLedger
import LedgerStore
import Transparency

/// Which checkpoint.
struct CheckpointOption: ParsableArguments {
    @Option(name: .long, help: .init("The size of the checkpoint. Default: the last one.", valueName: "size"))
    var size: UInt64?

    func value() throws -> TreeSize? {
        guard let size else { return nil }
        guard let size = TreeSize(size) else { throw ValidationError("A size is below 2^63.") }
        return size
    }
}

/// Whom to believe, known from elsewhere than the file that is checked.
struct TrustOptions: ParsableArguments {
    @Option(
        name: .long,
        help: .init(
            "A key of the log, as `keyledger checkpoint key show` prints it; may be repeated.", valueName: "vkey"))
    var key: [String] = []

    @Option(
        name: .long,
        help: .init("A policy (C2SP tlog-policy) with the log's keys and the witnesses to ask for.", valueName: "file"))
    var policy: String?

    func validate() throws {
        if key.isEmpty == (policy == nil) { throw ValidationError("Say whom to believe: --key or --policy.") }
    }

    /// The policy for the log with this origin.
    func checkpointPolicy(for origin: Origin) throws -> CheckpointPolicy {
        do {
            if let policy { return try TrustPolicy(parsing: try readInput(policy)).checkpointPolicy(for: origin) }
            let keys = try key.map(parseKey)
            let named = keys.filter { $0.name.utf8 == origin.utf8 }
            if named.isEmpty {
                throw Failure("none of the keys is one of \(origin): this belongs to another log.", .checkFailed)
            }
            return try CheckpointPolicy(origin: origin, logKeys: named)
        } catch let error as TrustPolicyError {
            throw Failure("\(error).", .refused)
        } catch let error as PolicyError {
            throw Failure("\(error).", .checkFailed)
        }
    }
}

/// A verifier key from its text.
func parseKey(_ text: String) throws -> VerifierKey {
    do {
        return try VerifierKey(parsing: text)
    } catch {
        throw Failure("\(text) is no verifier key: \(error).", .refused)
    }
}

/// The origin a checkpoint names, to find out whom to believe about it. Nothing is verified.
func claimedOrigin(of note: SignedNote) throws -> Origin {
    do {
        return try Checkpoint(parsing: note.text).origin
    } catch {
        throw Failure("\(error).", .checkFailed)
    }
}

/// A result that is a file: to the file named, or to standard output.
struct OutputOption: ParsableArguments {
    @Option(name: .long, help: .init("Where to write it. Default: standard output.", valueName: "file"))
    var output: String?

    func write(_ bytes: [UInt8]) throws {
        guard let output else { return try Terminal.write(bytes) }
        try DurableFile.replace(output, with: bytes, mode: 0o644)
    }
}

extension ProofError {
    /// How a command ends.
    var exitCode: Failure.Code {
        switch self {
        case .noCheckpoint, .unknownCheckpoint, .unknownEvent, .beyondCheckpoint, .signing, .unusableOrigin,
            .invalidRange, .tooManyEvents, .witness:
            .refused
        case .historyChanged, .logBehindCheckpoint, .damaged, .checkpoint, .refused, .fork, .timestamp: .checkFailed
        case .delivery: .inputOutput
        case .keyStore(let error): Failure(error).code
        case .store(let error): Failure(error).code
        }
    }
}
