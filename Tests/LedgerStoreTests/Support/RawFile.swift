import Foundation
import Testing

/// The bytes of a file, to be damaged.
struct RawFile {
    let path: String
    var bytes: [UInt8]

    init(_ path: String) throws {
        self.path = path
        bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    }

    /// Overwrites the file as it is, without a new one in its place.
    func save() throws {
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.truncate(atOffset: UInt64(bytes.count))
        try file.seek(toOffset: 0)
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }

    /// Changes the byte `offset` bytes behind every place where a 16-byte number stands.
    mutating func flip(_ offset: Int, after number: UInt128) throws {
        let places = places(of: number)
        try #require(!places.isEmpty)
        for place in places { bytes[place + offset] ^= 0x10 }
    }

    /// Where a 16-byte number stands; LMDB may have left old copies, so all places.
    func places(of number: UInt128) -> [Int] {
        let pattern = unsafe withUnsafeBytes(of: number.littleEndian) { unsafe [UInt8]($0) }
        return stride(from: 0, through: bytes.count - 16, by: 2).filter {
            bytes[$0] == pattern[0] && Array(bytes[$0..<($0 + 16)]) == pattern
        }
    }
}
