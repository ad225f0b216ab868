internal import CryptoPrimitives
internal import Glibc
internal import LedgerStore
internal import Transparency

/// A second place for checkpoints, out of reach for who may rewrite the ledger: that is what makes them worth something.
public enum CheckpointPlace: Sendable, Hashable {
    /// A folder, on another disk, another machine or a medium that is written once.
    case folder(String)
    /// A program that is started for each checkpoint and gets it on its standard input; it has taken it when it ends with
    /// status 0. Not a line of shell: the program's path and its arguments.
    case command([String])

    /// Sends what the place does not have yet, oldest first.
    ///
    /// - Throws: ``ProofError/delivery(place:reason:)`` where that fails, ``ProofError/fork(place:size:)`` where a folder
    ///   has another checkpoint of the same size.
    func deliver(from checkpoints: CheckpointFolder) throws(ProofError) {
        switch self {
        case .folder(let path): try copy(from: checkpoints, to: CheckpointFolder(path: path))
        case .command(let arguments): try run(arguments, for: checkpoints)
        }
    }

    // MARK: A folder

    private func copy(from checkpoints: CheckpointFolder, to place: CheckpointFolder) throws(ProofError) {
        do throws(ProofError) {
            let keys = try checkpoints.verifierKeys()
            if try place.verifierKeys() != keys { try place.store(keys) }
            let known = Set(try place.sizes())
            for size in try checkpoints.sizes() {
                guard let note = try checkpoints.note(of: size) else { continue }
                let copy = known.contains(size) ? try place.note(of: size) : nil
                if let copy, copy.text != note.text { throw .fork(place: place.path, size: size) }
                if copy != note { try place.store(note, of: size) }
                for timestamp in try checkpoints.timestamps(of: size)
                where try !place.timestamps(of: size).contains(timestamp) {
                    try place.store(timestamp: timestamp, of: size)
                }
            }
        } catch .store(let error) {
            throw .delivery(place: place.path, reason: "\(error)")
        } catch .damaged(let path, let reason) where path.hasPrefix(place.path) {
            throw .delivery(place: place.path, reason: "\(path) is damaged: \(reason)")
        }
    }

    // MARK: A command

    private func run(_ arguments: [String], for checkpoints: CheckpointFolder) throws(ProofError) {
        var progress = DeliveryProgress(checkpoints, place: arguments)
        let delivered = try progress.size
        for size in try checkpoints.sizes() where size > delivered {
            let status = try Self.run(arguments, input: checkpoints.notePath(of: size))
            guard status == 0 else {
                throw .delivery(place: arguments.joined(separator: " "), reason: "it ended with status \(status)")
            }
            try progress.advance(to: size)
        }
    }

    private static func run(_ arguments: [String], input path: String) throws(ProofError) -> Int32 {
        let place = arguments.joined(separator: " ")
        guard let program = arguments.first else { throw .delivery(place: place, reason: "no program is named") }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // The file itself, not a pipe: a program that does not read cannot keep us waiting, nor end us.
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, path, O_RDONLY, 0)
        // What it says must not get among the results of a command line.
        unsafe posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
        var argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe argv.forEach { unsafe free($0) } }
        var pid = pid_t()
        let code = unsafe posix_spawnp(&pid, program, &actions, nil, &argv, environ)
        guard code == 0 else {
            throw .delivery(place: place, reason: "it does not start: \(unsafe String(cString: strerror(code)))")
        }
        guard let status = end(of: pid) else {
            throw .delivery(place: place, reason: "it did not end within \(secondsMax) seconds")
        }
        return status
    }

    /// How long a command may take for one checkpoint.
    private static let secondsMax = 60

    /// Waits for a program's end; ends it itself when it takes too long.
    private static func end(of pid: pid_t) -> Int32? {
        let deadline = ContinuousClock.now + .seconds(secondsMax)
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, WNOHANG) != pid {
            if ContinuousClock.now > deadline {
                kill(pid, SIGKILL)
                while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
                return nil
            }
            usleep(2_000)
        }
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}

/// How far a command has got the checkpoints: a line for each command in `checkpoints/delivered`.
private struct DeliveryProgress {
    private let path: String
    private let id: String

    init(_ checkpoints: CheckpointFolder, place arguments: [String]) {
        path = checkpoints.path + "/delivered"
        let name = Array(arguments.joined(separator: "\u{0}").utf8)
        id = SHA256.hash(unsafe name.span.bytes).description
    }

    /// Lines that are none count for nothing: a place that gets a checkpoint twice is not harmed.
    private func lines() throws(ProofError) -> [(id: String, size: TreeSize)] {
        let path = path
        let bytes = try ProofError.store { () throws(StoreError) in try DurableFile.read(path) } ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 2, let size = UInt64(words[1]).flatMap(TreeSize.init) else { return nil }
            return (String(words[0]), size)
        }
    }

    /// The size of the last checkpoint it has got; 0 for none.
    var size: TreeSize {
        get throws(ProofError) { try lines().first { $0.id == id }?.size ?? .zero }
    }

    mutating func advance(to size: TreeSize) throws(ProofError) {
        let others = try lines().filter { $0.id != id }
        let text = (others + [(id, size)]).map { "\($0.id) \($0.size)\n" }.joined()
        let path = path
        try ProofError.store { () throws(StoreError) in try DurableFile.replace(path, with: Array(text.utf8)) }
    }
}
