internal import CryptoPrimitives

// All bytes that are read come from files somebody may have tampered with. They are copied into arrays once and read with
// these functions, which look at the bounds; lengths found in them are checked before they are used.
extension [UInt8] {
    /// A little-endian number at an offset; the program stops outside the array, so callers check lengths first.
    @inline(__always)
    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type = Value.self, at offset: Int) -> Value {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Value>.size, "a load outside the bytes")
        return unsafe Value(littleEndian: span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }

    /// A record whose memory is its format.
    @inline(__always)
    func loadRecord<Record: BitwiseCopyable>(_ type: Record.Type = Record.self, at offset: Int) -> Record {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Record>.size, "a load outside the bytes")
        return unsafe span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type)
    }

    /// The digest at an offset.
    func digest(at offset: Int) -> SHA256Digest {
        unsafe SHA256Digest(span.bytes.extracting(offset..<(offset + SHA256Digest.byteCount))) ?? .zero
    }

    /// A big-endian number in a range: the form of keys.
    func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type = Value.self, at offset: Int) -> Value
    {
        Value(bigEndian: Value(littleEndian: load(at: offset)))
    }
}

/// Fields put together in little-endian order.
struct FieldBytes {
    private(set) var bytes: [UInt8]

    init(_ label: StaticString) { bytes = Array(label.description.utf8) }

    func appending<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> FieldBytes {
        var copy = self
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            copy.bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
        return copy
    }

    /// The first 16 bytes of their SHA-256 as a big-endian number: how the ledger derives ids.
    var derivedID: UInt128 { unsafe SHA256.hash(bytes.span.bytes).leadingNumber }
}
