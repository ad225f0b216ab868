/// Bytes put together field by field, little-endian.
package struct LittleEndianBytes {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    // One for each width: a generic one would not be specialised for other modules, and takes microseconds there.
    package mutating func append(_ value: UInt8) { bytes.append(value) }
    package mutating func append(_ value: UInt16) { append(littleEndian: value) }
    package mutating func append(_ value: UInt32) { append(littleEndian: value) }
    package mutating func append(_ value: UInt64) { append(littleEndian: value) }
    package mutating func append(_ value: UInt128) { append(littleEndian: value) }

    private mutating func append<Value: FixedWidthInteger & UnsignedInteger>(littleEndian value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    package mutating func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func pad(to count: Int) {
        precondition(bytes.count <= count, "the fields before the padding are too long")
        bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
    }
}
