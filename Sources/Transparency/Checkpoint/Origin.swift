/// The name of a log as its checkpoints carry it: not empty, one line. Compared byte for byte, never interpreted.
public struct Origin: Hashable, Sendable {
    /// The name in UTF-8.
    public let utf8: [UInt8]

    /// The name, or nil if a checkpoint cannot carry it.
    public init?(_ text: String) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 }) else { return nil }
        utf8 = Array(text.utf8)
    }

    /// For a line of a note, whose characters have been checked.
    init?(line: ArraySlice<UInt8>) {
        guard !line.isEmpty else { return nil }
        utf8 = Array(line)
    }
}

extension Origin: CustomStringConvertible {
    /// The name as text.
    public var description: String { String(decoding: utf8, as: UTF8.self) }
}
