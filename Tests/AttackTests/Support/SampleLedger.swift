import CryptoPrimitives
import Foundation
import KeyLedgerVerify
import LedgerStore
import Synchronization
import Testing

@testable import KeyLedger

/// A real ledger with a bit of everything, made by the key store and closed; attacks are carried out on copies of it.
final class SampleLedger: Sendable {
    let path: String
    let masterKeyFile: String
    private let parent: String

    static let origin = "ledger.example/attacked"

    /// 2026-01-01T00:00:00Z.
    static let start: UInt64 = 1_767_225_600_000_000_000

    /// Where memory serves as a disk a commit costs microseconds.
    private static let disk = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()

    private init() throws {
        parent = Self.disk + "/keyledger-attacks-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        path = parent + "/ledger"
        masterKeyFile = parent + "/master.key"
    }

    deinit { try? FileManager.default.removeItem(atPath: parent) }

    /// A ledger made anew: two tenants, three keys, one rotated, uses of every kind, refusals, an expiry.
    static func made(masterKey: String? = nil) async throws -> SampleLedger {
        let ledger = try SampleLedger()
        if let masterKey {
            try FileManager.default.copyItem(atPath: masterKey, toPath: ledger.masterKeyFile)
        } else {
            try MasterKey.create(file: ledger.masterKeyFile)
        }
        try KeyStore.create(
            ledger.path, origin: origin, created: "2026-01-01T00:00:00Z", masterKey: try ledger.masterKey())
        let clock = Clock()
        let store = try await ledger.open(clock)
        let acme = try await store.createTenant("acme")
        let claims = try await acme.createSigningKey("claims")
        let pii = try await acme.createEncryptionKey("pii")
        let beta = try await store.createTenant("beta").createSigningKey("beta")
        let signature = try await claims.sign([1, 2, 3])
        _ = try await claims.verify(signature.bytes, of: [1, 2, 3])
        let context = ["purpose": "export"]
        _ = try await pii.decrypt(try await pii.encrypt([4, 5, 6], context: context), context: context)
        clock.advance(seconds: 1800)
        _ = try await beta.sign([7])
        _ = try await claims.sign(count: 5) { $0.events.map { _ in [8] } }
        try await claims.handle.rotate()
        _ = try? await acme.signingKey("nobody")
        let lived = try await acme.createEncryptionKey("lived").handle
        try await lived.suspend()
        try await lived.resume()
        try await lived.scheduleDestruction()
        try await lived.cancelDestruction()
        let gone = try await acme.createSigningKey("gone")
        _ = try await gone.sign([12])
        try await gone.handle.destroyImmediately()
        try await acme.createSigningKey("leaked").handle.compromise()
        try await acme.setQuota(1000)
        _ = try await store.checkpoint()
        // Everything that is in memory expires.
        clock.advance(seconds: 4000)
        _ = try await claims.sign([9])
        _ = try await pii.encrypt([10])
        _ = try await beta.sign([11])
        _ = try await store.rotateCheckpointKey()
        _ = try await beta.sign([13])
        _ = try await store.checkpoint()
        try await store.close()
        return ledger
    }

    private static let shared = Task { try await made() }

    /// A copy of a ledger that is made once.
    static func copy() async throws -> SampleLedger { try await shared.value.copied() }

    func copied() throws -> SampleLedger {
        let copy = try SampleLedger()
        try FileManager.default.copyItem(atPath: path, toPath: copy.path)
        try FileManager.default.copyItem(atPath: masterKeyFile, toPath: copy.masterKeyFile)
        return copy
    }

    func masterKey() throws -> MasterKey { try MasterKey(readingFile: masterKeyFile) }

    func open(_ clock: Clock) async throws -> KeyStore {
        var options = KeyStore.Options(caller: Caller(actor: "test"))
        options.clock = { clock.now }
        return try await KeyStore.open(path, masterKey: try masterKey(), options: options)
    }

    // MARK: Checking

    /// What `keyledger-verify` says.
    func verified(
        withMasterKey: Bool = true, _ change: (inout Verification.Options) -> Void = { _ in }
    ) async throws -> Verification {
        var options = Verification.Options()
        if withMasterKey { options.masterKeyFile = masterKeyFile }
        change(&options)
        return try await Verification(of: path, options)
    }

    /// The names of what it finds, each once.
    func findings(
        withMasterKey: Bool = true, _ change: (inout Verification.Options) -> Void = { _ in }
    ) async throws -> Set<Finding.Kind> {
        Set(try await verified(withMasterKey: withMasterKey, change).findings.map(\.kind))
    }
}

/// Time that moves only when a test says so.
final class Clock: Sendable {
    private let time: Mutex<UInt64>

    init(_ start: UInt64 = SampleLedger.start) { time = Mutex(start) }

    /// Nanoseconds since 1970.
    var now: UInt64 { time.withLock { $0 } }

    func advance(seconds: UInt64) { time.withLock { $0 += seconds * 1_000_000_000 } }
}
