internal import CryptoPrimitives
internal import Glibc
internal import Transparency

/// What `checkpoints/` has: as many notes as were signed, some hundred bytes each.
struct CheckpointFiles {
    /// The list of keys, oldest first.
    private(set) var keys: [VerifierKey] = []
    /// The checkpoints in ascending order of the size in their names; nil for a file that holds none.
    private(set) var notes: [(size: UInt64, note: SignedNote?)] = []

    init(_ folder: String, _ findings: inout Findings) throws(Unreadable) {
        let path = folder + "/checkpoints"
        guard let names = try Self.names(in: path) else { return }
        for name in names.sorted() {
            if name == "keys" {
                readKeys(path + "/keys", try SmallFile.read(path + "/keys", limit: 1 << 20), &findings)
            } else if name.utf8.count == 19, let size = UInt64(name), size < 1 << 62 {
                let note = try? SignedNote(parsing: try SmallFile.read("\(path)/\(name)", limit: 1 << 20))
                if note == nil { findings.add(.checkpointMalformed, "checkpoints/\(name) is no signed note") }
                notes.append((size, note))
            } else if name.hasSuffix(".tsr") {
                try checkTimestamp(path, name, &findings)
            }
        }
    }

    private mutating func readKeys(_ path: String, _ bytes: [UInt8], _ findings: inout Findings) {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard let key = try? VerifierKey(parsing: String(line)), key.algorithm == .ed25519 else {
                findings.add(.checkpointMalformed, "line \(keys.count + 1) of checkpoints/keys is no verifier key")
                return
            }
            keys.append(key)
        }
    }

    /// A reply is named by its own digest; what it says only its authority's certificate can tell.
    private func checkTimestamp(_ path: String, _ name: String, _ findings: inout Findings) throws(Unreadable) {
        let reply = try SmallFile.read("\(path)/\(name)", limit: 1 << 20)
        let id = unsafe Array(SHA256.hash(reply.span.bytes).bytes[..<4]).hexadecimal
        if !name.hasSuffix(".\(id).tsr") { findings.add(.checkpointMalformed, "checkpoints/\(name) was changed") }
    }

    /// Nil for a ledger without a checkpoint.
    private static func names(in path: String) throws(Unreadable) -> [String]? {
        guard let folder = unsafe opendir(path) else {
            if errno == ENOENT { return nil }
            throw Unreadable(errnoOf: path)
        }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}
