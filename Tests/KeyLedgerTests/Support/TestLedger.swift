import CryptoPrimitives
import Foundation
import LedgerStore
import Synchronization
import Testing

@testable import KeyLedger

/// A ledger in a folder of its own that goes away with this object, under a master key the tests know.
final class TestLedger: Sendable {
    let path: String
    let clock = TestClock()
    private let parent: String

    var folder: LedgerFolder { LedgerFolder(path: path) }

    /// Where memory serves as a disk a commit costs microseconds; these tests make many.
    private static let disk = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()

    /// An empty ledger, made under the master key with `seed`.
    init(masterKey seed: UInt8 = 1, origin: String = "ledger.example/test") throws {
        (parent, path) = try Self.folder()
        try KeyStore.create(
            path, origin: origin, created: "2026-01-01T00:00:00Z", masterKey: try Self.masterKey(seed))
    }

    private init(copying other: TestLedger) throws {
        (parent, path) = try Self.folder()
        clock.advance(to: other.clock.now)
        try FileManager.default.copyItem(atPath: other.path, toPath: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: parent) }

    private static func folder() throws -> (parent: String, path: String) {
        let parent = disk + "/keyledger-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        return (parent, parent + "/ledger")
    }

    /// 32 bytes that a search through files would find.
    static func masterKeyBytes(_ seed: UInt8 = 1) -> [UInt8] { (0..<32).map { $0 &* 37 &+ seed &* 11 &+ 5 } }

    static func masterKey(_ seed: UInt8 = 1) throws -> MasterKey {
        let bytes = masterKeyBytes(seed)
        return try MasterKey(try SecretBytes(copying: unsafe bytes.span.bytes))
    }

    /// Opens the ledger in the name of `test`, with the ledger's own clock.
    func open(
        masterKey seed: UInt8 = 1, _ change: (inout KeyStore.Options) -> Void = { _ in }
    ) async throws -> KeyStore {
        let clock = clock
        var options = KeyStore.Options(caller: Caller(actor: "test"))
        options.clock = { clock.now }
        change(&options)
        return try await KeyStore.open(path, masterKey: try Self.masterKey(seed), options: options)
    }

    /// Opens the ledger, lets `body` use it and closes it.
    @discardableResult
    func withStore<Result: Sendable>(
        _ change: (inout KeyStore.Options) -> Void = { _ in }, _ body: (KeyStore) async throws -> Result
    ) async throws -> Result {
        let store = try await open(change)
        let result: Result
        do {
            result = try await body(store)
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
        return result
    }

    /// The ledger as a power cut at this moment would leave it, also while it is open.
    func afterPowerCut() throws -> TestLedger { try TestLedger(copying: self) }

    /// Changes stored material behind the ledger's back, while it is closed.
    func tamper(_ body: (MaterialStore) throws -> Void) throws {
        let material = try MaterialStore(folder, isReadOnly: false)
        defer { material.close() }
        try body(material)
    }

    /// All files of the ledger, with their bytes.
    func files() throws -> [(name: String, bytes: Data)] {
        guard let names = FileManager.default.enumerator(atPath: path) else { return [] }
        return try names.compactMap { $0 as? String }.filter { name in
            var isFolder: ObjCBool = false
            let exists = unsafe FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder)
            return exists && !isFolder.boolValue
        }.map { ($0, try Data(contentsOf: URL(filePath: path + "/" + $0))) }
    }
}

/// Time that moves only when a test says so.
final class TestClock: Sendable {
    /// 2026-01-01T00:00:00Z.
    static let start: UInt64 = 1_767_225_600_000_000_000

    private let time = Mutex(start)

    /// Nanoseconds since 1970.
    var now: UInt64 { time.withLock { $0 } }

    func advance(seconds: Double) { time.withLock { $0 += UInt64(seconds * 1e9) } }
    func goBack(seconds: Double) { time.withLock { $0 -= UInt64(seconds * 1e9) } }
    func advance(to instant: UInt64) { time.withLock { $0 = instant } }
}

/// Waits until a condition holds that something else brings about; false if it does not within ten seconds.
func eventually(_ condition: () throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(10)
    while try !condition() {
        if ContinuousClock.now > deadline { return false }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return true
}

extension Result {
    /// The outcome of a task that may fail.
    init(_ body: () async throws(Failure) -> Success) async {
        do throws(Failure) {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}

/// Counts what tasks have done.
final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    var count: Int { value.load(ordering: .relaxed) }
    func increment() { value.add(1, ordering: .relaxed) }
}

/// A text that test output shows in a line, whatever is in it.
struct Text: Sendable, CustomTestStringConvertible {
    let text: String

    var testDescription: String {
        let start = String(text.prefix(40)).debugDescription
        return text.count > 40 ? "\(start)… (\(text.utf8.count) bytes)" : start
    }
}
