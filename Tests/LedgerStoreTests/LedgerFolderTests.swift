import Foundation
import Testing

@testable import LedgerStore

/// A folder is a ledger, or it is said why it is not.
@Suite struct LedgerFolderTests {
    private func opening(_ folder: LedgerFolder, _ expected: (StoreError) -> Bool) {
        for open in [{ _ = try LedgerReader(folder) }, { _ = try LedgerWriter(folder, projection: NoProjection()) }] {
            let error = #expect(throws: StoreError.self) { try open() }
            if let error { #expect(expected(error), "\(error)") }
        }
    }

    private func write(_ manifest: String, in ledger: TemporaryLedger) throws {
        try Data(manifest.utf8).write(to: URL(filePath: ledger.folder.manifestPath))
    }

    @Test func aNewLedgerSaysWhatItIsAndHasNoEvents() throws {
        let ledger = try TemporaryLedger()
        let manifest = try ledger.folder.manifest()
        #expect(manifest == .init(format: 1, origin: "ledger.example/test", created: "2026-01-01T00:00:00Z"))
        #expect(try String(contentsOfFile: ledger.folder.manifestPath, encoding: .utf8).hasPrefix("{\n  \"created\""))
        let reader = try LedgerReader(ledger.folder)
        #expect(try reader.eventCount() == 0 && reader.lastBlock() == nil && reader.block(containing: 0) == nil)
        #expect(try blocks(of: ledger.folder, with: reader).isEmpty)
    }

    /// Keys that are gone are not keys that never were.
    @Test func missingMaterialIsNotEmptyMaterial() throws {
        let ledger = try TemporaryLedger()
        try FileManager.default.removeItem(atPath: ledger.folder.materialPath)
        for isReadOnly in [true, false] {
            let error = #expect(throws: StoreError.self) {
                try MaterialStore(ledger.folder, isReadOnly: isReadOnly)
            }
            guard case .notALedger = error else { throw try #require(error) }
        }
        #expect(!FileManager.default.fileExists(atPath: ledger.folder.materialPath + "/blobs"))
    }

    @Test func nothingIsOverwritten() throws {
        let ledger = try TemporaryLedger()
        #expect(throws: StoreError.alreadyExists(path: ledger.folder.path)) {
            try ledger.folder.create(origin: "other", created: "2026-01-01T00:00:00Z")
        }
        #expect(try ledger.folder.manifest().origin == "ledger.example/test")
    }

    @Test func anEmptyFolderCanBecomeALedger() throws {
        let ledger = try TemporaryLedger()
        let folder = LedgerFolder(path: ledger.folder.path + "-two/")
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: false)
        try folder.create(origin: "two", created: "2026-01-01T00:00:00Z")
        #expect(try folder.manifest().origin == "two")
    }

    @Test func aMissingFolderIsNoLedger() throws {
        let ledger = try TemporaryLedger()
        let nowhere = LedgerFolder(path: ledger.folder.path + "/nowhere")
        opening(nowhere) { $0 == .notALedger(path: nowhere.path, reason: "ledger.json is missing or unreadable") }
        #expect(!FileManager.default.fileExists(atPath: nowhere.path))
        let orphan = LedgerFolder(path: nowhere.path + "/deeper")
        #expect(throws: StoreError.self) { try orphan.create(origin: "o", created: "c") }
    }

    @Test func aFolderOfOtherThingsIsNoLedger() throws {
        let ledger = try TemporaryLedger()
        try FileManager.default.removeItem(atPath: ledger.folder.manifestPath)
        opening(ledger.folder) { if case .notALedger = $0 { true } else { false } }
    }

    @Test(arguments: [
        "", "{", "[]", "{\"format\":\"1\"}", "{\"format\":1}", "{\"format\":1,\"origin\":7,\"created\":\"\"}",
    ])
    func aMalformedManifestIsNoLedger(_ manifest: String) throws {
        let ledger = try TemporaryLedger()
        try write(manifest, in: ledger)
        opening(ledger.folder) { $0 == .notALedger(path: ledger.folder.path, reason: "ledger.json is malformed") }
    }

    /// A later format may have a manifest of another shape: only its number is looked at.
    @Test(arguments: ["{\"format\":2}", "{\"format\":2,\"origin\":\"o\",\"created\":\"c\"}"])
    func anotherFormatIsLeftAlone(_ manifest: String) throws {
        let ledger = try TemporaryLedger()
        try write(manifest, in: ledger)
        opening(ledger.folder) { $0 == .unsupportedFormat(path: ledger.folder.path, found: 2, supported: 1) }
    }

    @Test func everyErrorNamesThePlaceAndTheWayOut() {
        let errors: [StoreError] = [
            .notALedger(path: "/l", reason: "r"), .alreadyExists(path: "/l"),
            .unsupportedFormat(path: "/l", found: 2, supported: 1), .locked(path: "/l", holder: "process 7"),
            .readOnly(path: "/l"), .diskFull(path: "/l"), .damaged(path: "/l", sequence: 3, reason: "r"),
            .damaged(path: "/l", sequence: nil, reason: "r"), .system(operation: "o", path: "/l", reason: "r"),
        ]
        for error in errors { #expect(error.description.contains("/l")) }
    }
}
