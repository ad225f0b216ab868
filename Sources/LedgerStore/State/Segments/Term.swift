internal import Ledger

/// A property by which transfers are found: 32 bits of a hash of field and value. Different properties may share
/// them, so whoever finds a transfer looks whether it is meant.
struct Term: Hashable, Sendable {
    let hash: UInt32

    private enum Field: UInt64 {
        case account, userData128, userData64, userData32, ledger, code
    }

    private init(_ field: Field, _ value: UInt128, _ hash: IDHash) {
        self.hash = UInt32(truncatingIfNeeded: hash(value ^ UInt128(field.rawValue) << 122) >> 32)
    }

    static func account(_ id: UInt128, hash: IDHash) -> Term { Term(.account, id, hash) }

    /// The terms of a filter's conditions, none for those that stand for any value.
    static func all(of fields: FieldFilter, hash: IDHash) -> [Term] {
        var terms: [Term] = []
        func add(_ field: Field, _ value: UInt128) {
            if value != 0 { terms.append(Term(field, value, hash)) }
        }
        add(.userData128, fields.userData128)
        add(.userData64, UInt128(fields.userData64))
        add(.userData32, UInt128(fields.userData32))
        add(.ledger, UInt128(fields.ledger))
        add(.code, UInt128(fields.code))
        return terms
    }

    /// Appends what a transfer is found by, each with the transfer's ordinal in the lower half.
    static func append(_ transfer: Transfer, ordinal: UInt32, hash: IDHash, to entries: inout [UInt64]) {
        func add(_ field: Field, _ value: UInt128) {
            entries.append(UInt64(Term(field, value, hash).hash) << 32 | UInt64(ordinal))
        }
        add(.account, transfer.debitAccountID)
        add(.account, transfer.creditAccountID)
        if transfer.userData128 != 0 { add(.userData128, transfer.userData128) }
        if transfer.userData64 != 0 { add(.userData64, UInt128(transfer.userData64)) }
        if transfer.userData32 != 0 { add(.userData32, UInt128(transfer.userData32)) }
        add(.ledger, UInt128(transfer.ledger))
        add(.code, UInt128(transfer.code))
    }
}

extension [UInt64] {
    /// Sorts by the upper half, keeping the order of equals: three passes of a radix sort, between this array and `spare`.
    /// Few are sorted as they are: equals stand in the order of their lower halves.
    mutating func sortByUpperHalf(using spare: inout [UInt64]) {
        if count < 4096 { return sort() }
        if spare.count < count { spare.append(contentsOf: repeatElement(0, count: count - spare.count)) }
        if spare.count > count { spare.removeLast(spare.count - count) }
        for shift in [UInt64(32), 43, 54] {
            var starts = [Int](repeating: 0, count: 2049)
            for entry in self { starts[Int(entry >> shift & 2047) + 1] += 1 }
            for digit in 1...2048 { starts[digit] += starts[digit - 1] }
            for entry in self {
                let digit = Int(entry >> shift & 2047)
                spare[starts[digit]] = entry
                starts[digit] += 1
            }
            swap(&self, &spare)
        }
    }
}
