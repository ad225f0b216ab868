internal import CryptoPrimitives

/// Wrapped key material: opaque blobs by owner, version and kind. The only part of a ledger that is ever erased.
public final class MaterialStore: Sendable {
    private let environment: Environment
    private let blobs: Table

    /// Which blob.
    public struct Name: Hashable, Sendable {
        /// Whose blob it is.
        public let owner: UInt128
        /// Which version of the owner.
        public let version: UInt32
        /// A number the caller gives to each kind of blob.
        public let kind: UInt8

        /// A blob's name.
        public init(owner: UInt128, version: UInt32 = 0, kind: UInt8) {
            self.owner = owner
            self.version = version
            self.kind = kind
        }

        fileprivate var key: Key { Key(owner, UInt64(version) << 8 | UInt64(kind)) }

        fileprivate init?(key: RawSpan) {
            guard key.byteCount == 24 else { return nil }
            owner = UInt128(bigEndian: key.load(at: 0))
            let rest = UInt64(bigEndian: key.load(at: 16))
            guard let version = UInt32(exactly: rest >> 8) else { return nil }
            self.version = version
            kind = UInt8(truncatingIfNeeded: rest)
        }
    }

    /// Opens a ledger's material. Only the holder of the ledger's writer may change it.
    public convenience init(_ folder: LedgerFolder, isReadOnly: Bool) throws(StoreError) {
        try self.init(folder, isReadOnly: isReadOnly, createsIfMissing: false)
    }

    /// Creates an empty store. Part of creating a ledger, so that a crash cannot leave a ledger with half of one, and
    /// one that is missing later was lost.
    static func create(in folder: LedgerFolder) throws(StoreError) {
        try MaterialStore(folder, isReadOnly: false, createsIfMissing: true).close()
    }

    private init(_ folder: LedgerFolder, isReadOnly: Bool, createsIfMissing: Bool) throws(StoreError) {
        do throws(LMDBError) {
            environment = try Environment(
                path: folder.materialPath, options: .init(isReadOnly: isReadOnly, createsIfMissing: createsIfMissing))
            blobs = try environment.table("blobs", isReadOnly: isReadOnly)
        } catch {
            throw StoreError(error)
        }
    }

    /// Stores blobs, all or none of them; when it returns they are on disk.
    public func put(_ newBlobs: [(Name, [UInt8])]) throws(StoreError) {
        do throws(LMDBError) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                for (name, blob) in newBlobs { try transaction.put(unsafe blob.span.bytes, at: name.key, in: blobs) }
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// The blob with a name, or nil.
    public func blob(_ name: Name) throws(StoreError) -> [UInt8]? {
        do throws(LMDBError) {
            return try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
                try transaction.bytes(of: name.key, in: blobs)
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Removes blobs; when it returns, no look-up finds them.
    public func remove(_ names: [Name]) throws(StoreError) {
        do throws(LMDBError) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                for name in names { try transaction.delete(name.key, in: blobs) }
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// The names of all blobs, in ascending order of owner, version and kind.
    public func names() throws(StoreError) -> [Name] {
        do throws(LMDBError) {
            return try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
                let cursor = try transaction.cursor(in: blobs)
                var names: [Name] = []
                var move = Cursor.Move.first
                while let name = try cursor.move(
                    move, mapping: { $0 }, { (key: RawSpan, _: RawSpan) throws(LMDBError) in Name(key: key) })
                {
                    if let name { names.append(name) }
                    move = .next
                }
                return names
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Closes the files; look-ups fail from here on.
    public func close() { environment.close() }
}
