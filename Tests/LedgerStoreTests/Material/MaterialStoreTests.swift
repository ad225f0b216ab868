import Foundation
import Testing

@testable import LedgerStore

@Suite("Wrapped material on disk")
struct MaterialStoreTests {
    private typealias Name = MaterialStore.Name

    private let ledger: TemporaryLedger

    init() throws { ledger = try TemporaryLedger() }

    private func open(isReadOnly: Bool = false) throws(StoreError) -> MaterialStore {
        try MaterialStore(ledger.folder, isReadOnly: isReadOnly)
    }

    /// Opens the store, lets `body` use it and closes it.
    @discardableResult
    private func withStore<Result>(_ body: (MaterialStore) throws -> Result) throws -> Result {
        let store = try open()
        defer { store.close() }
        return try body(store)
    }

    private var file: RawFile { get throws { try RawFile(ledger.folder.materialPath + "/blobs") } }

    private func name(_ owner: UInt128) -> Name { Name(owner: owner, version: 7, kind: 4) }

    /// Bytes that a search finds.
    private func blob(_ seed: UInt8, count: Int = 100) -> [UInt8] {
        var random = SeededGenerator(seed: UInt64(seed))
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    /// Whether a part of a blob is in any file of the folder.
    private func isAnywhere(_ blob: [UInt8]) throws -> Bool {
        for case let path as String in FileManager.default.enumerator(atPath: ledger.folder.path) ?? .init() {
            guard let bytes = try? Data(contentsOf: URL(filePath: ledger.folder.path + "/" + path)) else { continue }
            for start in stride(from: 0, to: blob.count - 24, by: 24)
            where bytes.firstRange(of: blob[start..<(start + 24)]) != nil {
                return true
            }
        }
        return false
    }

    // MARK: What is stored

    @Test func isThereAfterAnOpening() throws {
        try withStore { (store) throws in
            try store.put(
                [(name(1), blob(1)), (name(2), []), (Name(owner: 1, kind: 4), blob(3, count: 5000))], eventCount: 3)
            #expect(try store.blob(name(1)) == blob(1))
        }
        try withStore { (store) throws in
            #expect(try store.names() == [Name(owner: 1, kind: 4), name(1), name(2)])
            #expect(try store.blob(name(1)) == blob(1))
            #expect(try store.blob(name(2)) == [])
            #expect(try store.blob(Name(owner: 1, kind: 4)) == blob(3, count: 5000))
            #expect(try store.blob(name(3)) == nil)
            #expect(try store.standing(of: name(1)) == .new)
            #expect(try store.standing(of: name(3)) == nil)
            #expect(try store.highWaterMark() == 3)
        }
    }

    @Test func underANameThatIsTakenReplacesWhatWasThere() throws {
        try withStore { (store) throws in
            try store.put([(name(1), blob(1)), (name(2), blob(2))], eventCount: 0)
            try store.put([(name(1), blob(3))], eventCount: 0)
            #expect(try store.blob(name(1)) == blob(3))
            #expect(try !isAnywhere(blob(1)))
            #expect(try isAnywhere(blob(2)) && isAnywhere(blob(3)))
        }
        #expect(try withStore { try $0.blob(name(1)) } == blob(3))
    }

    @Test func twiceInOnePutIsThereOnce() throws {
        try withStore { (store) throws in
            try store.put([(name(1), blob(1)), (name(1), blob(2))], eventCount: 0)
            #expect(try store.blob(name(1)) == blob(2))
            #expect(try !isAnywhere(blob(1)))
        }
    }

    @Test func isReadByOthersWhileItChanges() throws {
        try withStore { (store) throws in
            try store.put([(name(1), blob(1))], eventCount: 0)
            let reader = try open(isReadOnly: true)
            defer { reader.close() }
            #expect(try reader.blob(name(1)) == blob(1))
            try store.put([(name(2), blob(2))], eventCount: 0)
            #expect(try reader.blob(name(2)) == blob(2))
            try store.put([(name(1), blob(3))], eventCount: 0)
            #expect(try reader.blob(name(1)) == blob(3))
            try store.erase([name(2)])
            #expect(try reader.blob(name(2)) == nil)
            #expect(try reader.names() == [name(1)])
            #expect(throws: StoreError.readOnly(path: ledger.folder.materialPath + "/blobs")) {
                try reader.erase([name(1)])
            }
        }
    }

    @Test func isRefusedWhenClosed() throws {
        let store = try open()
        store.close()
        store.close()
        #expect(throws: StoreError.closed) { try store.blob(name(1)) }
        #expect(throws: StoreError.closed) { try store.put([], eventCount: 0) }
    }

    @Test func inOnePutIsLimited() throws {
        try withStore { (store) throws in
            let blobs = (0...MaterialStore.putCountMax).map { (name(UInt128($0)), [UInt8(1)]) }
            #expect(throws: StoreError.batchTooLarge(count: blobs.count, limit: MaterialStore.putCountMax)) {
                try store.put(blobs, eventCount: 0)
            }
            try store.put(Array(blobs.dropLast()), eventCount: 0)
        }
        #expect(try withStore { try $0.names().count } == MaterialStore.putCountMax)
    }

    // MARK: What is erased

    @Test(arguments: [1, 24, 63, 64, 65, 5000])
    func isInNoByteOfTheFolder(count: Int) throws {
        try withStore { (store) throws in
            try store.put([(name(1), blob(1, count: count)), (name(2), blob(2))], eventCount: 0)
            if count > 24 { #expect(try isAnywhere(blob(1, count: count))) }
            try store.erase([name(1), name(1), name(9)])
            #expect(try !isAnywhere(blob(1, count: count)))
            #expect(try store.blob(name(1)) == nil)
            #expect(try store.standing(of: name(1)) == .erased)
            #expect(try store.names() == [name(2)])
            try store.erase([name(1)])
        }
        try withStore { (store) throws in
            #expect(try store.standing(of: name(1)) == .erased)
            #expect(try store.blob(name(2)) == blob(2))
            try store.put([(name(1), blob(3))], eventCount: 0)
            #expect(try store.blob(name(1)) == blob(3))
        }
    }

    /// The steps of an erasure are two: the state, then the zeros. A crash in between is made up here.
    @Test func isFinishedByTheNextOpening() throws {
        try withStore { try $0.put([(name(1), blob(1))], eventCount: 0) }
        var file = try file
        file.bytes.replaceSubrange(516..<520, with: Array("GONE".utf8))
        try file.save()
        let reader = try open(isReadOnly: true)
        #expect(try reader.blob(name(1)) == nil)
        reader.close()
        #expect(try isAnywhere(blob(1)))
        #expect(try withStore { try $0.blob(name(1)) } == nil)
        #expect(try !isAnywhere(blob(1)))
    }

    @Test func isWhatWasReplacedWhenACrashCameInBetween() throws {
        try withStore { try $0.put([(name(1), blob(1))], eventCount: 0) }
        let first = try file.bytes[512...]
        try withStore { try $0.put([(name(1), blob(2))], eventCount: 0) }
        var file = try file
        file.bytes.replaceSubrange(512..<(512 + first.count), with: first)
        try file.save()
        #expect(try isAnywhere(blob(1)))
        #expect(try withStore { try $0.blob(name(1)) } == blob(2))
        #expect(try !isAnywhere(blob(1)))
    }

    // MARK: What is cut off

    /// Every prefix of a put, and a put with a hole, is no put; what was there before stays.
    @Test func inTheMiddleOfAPutIsNotThereAtAll() throws {
        try withStore { try $0.put([(name(1), blob(1))], eventCount: 0) }
        let before = try file.bytes.count
        try withStore { (store) throws in
            try store.put([(name(2), blob(2)), (name(3), blob(3)), (name(4), blob(4))], eventCount: 0)
        }
        let whole = try file
        var cuts: [[UInt8]] = stride(from: before + 1, to: whole.bytes.count, by: 31).map { Array(whole.bytes[..<$0]) }
        for hole in stride(from: before, to: whole.bytes.count - 64, by: 64) {
            var bytes = whole.bytes
            bytes.replaceSubrange(hole..<(hole + 64), with: [UInt8](repeating: 0, count: 64))
            cuts.append(bytes)
        }
        for cut in cuts {
            var file = whole
            // As far as the first sector knows, the second put never began.
            file.bytes = cut
            try file.save()
            let names = try withStore { (store) throws in
                #expect(try store.blob(name(1)) == blob(1))
                return try store.names()
            }
            let isWhole = cut == whole.bytes || names.count == 4
            if !isWhole {
                #expect(names == [name(1)])
                for seed: UInt8 in 2...4 { #expect(try !isAnywhere(blob(seed))) }
            }
        }
    }

    /// Decay is not a put that was cut off: nothing else is given up because of it.
    @Test func byDamageHidesNothingElse() throws {
        try withStore { (store) throws in
            try store.put([(name(1), blob(1)), (name(2), blob(2))], eventCount: 0)
            try store.put([(name(3), blob(3))], eventCount: 0)
            try store.advance(to: 1)
        }
        let whole = try file
        for offset in 512..<whole.bytes.count {
            var file = whole
            file.bytes[offset] ^= 1
            try file.save()
            let readable = try withStore { (store) throws in
                (1...3).count { number in (try? store.blob(name(UInt128(number)))) == blob(UInt8(number)) }
            }
            // Padding decides nothing.
            #expect(readable >= 2, "offset \(offset)")
        }
    }

    @Test func withAnyChangedByteIsDamagedOrMissing() throws {
        try withStore { (store) throws in
            try store.put([(name(1), blob(1))], eventCount: 0)
            try store.advance(to: 1)
        }
        let whole = try file
        for offset in 512..<(512 + 64 + 100) {
            var file = whole
            file.bytes[offset] ^= 0x20
            try file.save()
            let found = try withStore { try? $0.blob(name(1)) }
            #expect(found == nil, "offset \(offset)")
        }
    }

    @Test(arguments: 0..<32)
    func aChangedByteAtTheStartIsDamage(offset: Int) throws {
        var file = try file
        file.bytes[offset] ^= 1
        try file.save()
        #expect(throws: StoreError.self) { try open() }
    }

    // MARK: Standing

    @Test func isRememberedAndNeverComesBack() throws {
        try withStore { (store) throws in
            try store.put([(name(1), blob(1)), (name(2), blob(2)), (name(3), blob(3))], eventCount: 10)
            try store.markRecorded([name(1), name(9)])
            try store.setAside([name(2)], highWaterMark: 4)
            try store.erase([name(3)])
            try store.markRecorded([name(3)])
        }
        try withStore { (store) throws in
            #expect(try store.standing(of: name(1)) == .recorded)
            #expect(try store.standing(of: name(2)) == .setAside)
            #expect(try store.blob(name(2)) == blob(2))
            #expect(try store.standing(of: name(3)) == .erased)
            #expect(try store.highWaterMark() == 4)
            try store.advance(to: 3)
            #expect(try store.highWaterMark() == 4)
        }
    }
}
