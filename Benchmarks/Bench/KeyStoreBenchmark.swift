import COpenSSLBaseline
import CryptoPrimitives
import FoundationEssentials
import KeyLedger

/// Audited operations beside bare OpenSSL on all cores, and beside OpenBao if it was measured.
struct KeyStoreBenchmark {
    static let messageByteCount = 256
    private static let roundNanoseconds: UInt64 = 400_000_000
    private static let roundCount = 5
    private static let cores = ProcessInfo.processInfo.activeProcessorCount

    private let fixture: Fixture
    private let peers: PeerRates

    /// The argument is a file with OpenBao's rates: operation, callers, rate and p99 in each line, separated by tabs.
    static func run(_ arguments: [String]) async throws {
        let peers = try PeerRates(readingFile: arguments.first)
        print("\(messageByteCount) bytes a message, \(cores) cores\n")
        try await withTemporaryFolder { path in
            let fixture = try await Fixture(path)
            let benchmark = KeyStoreBenchmark(fixture: fixture, peers: peers)
            try await benchmark.measureCommit()
            try await benchmark.measureKeys()
            for operation in Operation.allCases { try await benchmark.measure(operation) }
            try await benchmark.measureNeighbours()
            try await fixture.store.close()
        }
    }

    private func show(_ name: String, _ text: String) {
        print(name + String(repeating: " ", count: max(1, 22 - name.count)) + text)
    }

    /// What one caller cannot be faster than.
    private func measureCommit() async throws {
        let commits = try await EngineBenchmark.baseline(records: 1, batches: 300)
        show("one durable commit", commits.latencies)
    }

    // MARK: Keys

    private func measureKeys() async throws {
        let handle = fixture.signing.handle
        let hitCount = 200_000
        let hits = try await Samples().measuring {
            for _ in 0..<hitCount where try await !handle.isAtHand() { throw BenchFailure("the key is not in memory") }
        }
        show("cached key", "\(hits / UInt64(hitCount)) ns to borrow and give back")
        var unwrapping = Samples()
        for _ in 0..<2000 { try unwrapping.measure { try handle.unwrap() } }
        show("uncached key", "\(unwrapping.latencies) to read and unwrap")
    }

    // MARK: Operations

    private enum Operation: String, CaseIterable {
        case sign, verify, encrypt, decrypt

        var bare: openssl_operation {
            switch self {
            case .sign: openssl_sign
            case .verify: openssl_verify
            case .encrypt: openssl_encrypt
            case .decrypt: openssl_decrypt
            }
        }
    }

    /// In turns with bare OpenSSL, because disk and processor are not equally fast at all times.
    private func measure(_ operation: Operation) async throws {
        print("")
        for callers in [1, 8, 64] {
            var bare: [Double] = []
            var audited: [Double] = []
            var processor: [Double] = []
            var all = Samples()
            for _ in 0..<Self.roundCount {
                let count = openssl_baseline(
                    operation.bare, Int32(Self.cores), Int32(Self.messageByteCount), Self.roundNanoseconds / 2)
                guard count > 0 else { throw BenchFailure("OpenSSL failed") }
                bare.append(Double(count) * 2e9 / Double(Self.roundNanoseconds))
                let before = processorNanoseconds()
                let (samples, elapsed) = try await Self.repeating(callers: callers) { try await perform(operation) }
                let perSecond = Double(samples.nanoseconds.count) / Double(elapsed) * 1e9
                audited.append(perSecond)
                processor.append(Double(processorNanoseconds() - before) / Double(samples.nanoseconds.count))
                all.add(samples)
            }
            let (own, limit) = (median(audited), median(bare))
            if callers == 1 {
                show(
                    "\(operation), bare OpenSSL",
                    "\(rate(Int(limit), 1_000_000_000)) on all cores, \(rounded(1e6 * Double(Self.cores) / limit)) µs")
            }
            var text = "\(rate(Int(own), 1_000_000_000)), \(all.latencies)"
            text += ", \(percent(own, of: limit)) of bare OpenSSL, \(rounded(median(processor) / 1000)) µs of processor"
            if let peer = peers.rate(operation.rawValue, callers: callers) {
                text +=
                    ", \(rounded(own / peer.perSecond)) × OpenBao (\(rounded(peer.perSecond / 1000)) k/s, p99 \(peer.p99))"
            }
            show("\(operation), \(callers) callers", text)
        }
    }

    private func perform(_ operation: Operation) async throws {
        switch operation {
        case .sign: _ = try await fixture.signing.sign(fixture.message)
        case .verify:
            guard try await fixture.signing.verify(fixture.signature, of: fixture.message) else {
                throw BenchFailure("a signature is not valid")
            }
        case .encrypt: _ = try await fixture.encryption.encrypt(fixture.message)
        case .decrypt: _ = try await fixture.encryption.decrypt(fixture.envelope)
        }
    }

    /// Calls `body` from so many tasks for a while.
    private static func repeating(
        callers: Int, pause: Duration? = nil, for nanoseconds: UInt64 = roundNanoseconds,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> (samples: Samples, elapsed: UInt64) {
        let start = monotonicNanoseconds()
        let samples = try await withThrowingTaskGroup(of: Samples.self) { group in
            for _ in 0..<callers {
                group.addTask {
                    var samples = Samples()
                    while monotonicNanoseconds() - start < nanoseconds {
                        try await samples.measure(body)
                        if let pause { try await Task.sleep(for: pause) }
                    }
                    return samples
                }
            }
            return try await group.reduce(into: Samples()) { $0.add($1) }
        }
        return (samples, monotonicNanoseconds() - start)
    }

    /// An operation so many times with 64 callers, for profilers.
    static func repeating(_ name: String, count: Int) async throws {
        try await withTemporaryFolder { path in
            let benchmark = KeyStoreBenchmark(fixture: try await Fixture(path), peers: try PeerRates(readingFile: nil))
            guard let operation = Operation(rawValue: name) else { throw BenchFailure("no operation \(name)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<64 {
                    group.addTask { for _ in 0..<count / 64 { try await benchmark.perform(operation) } }
                }
                try await group.waitForAll()
            }
            try await benchmark.fixture.store.close()
        }
    }

    // MARK: Neighbours

    /// One tenant signs now and then; what does it notice of another one at full load?
    private func measureNeighbours() async throws {
        let (quiet, neighbour) = (fixture.quiet, fixture.signing)
        let message = fixture.message
        func listen() async throws -> Samples {
            try await Self.repeating(callers: 1, pause: .milliseconds(5), for: 3_000_000_000) {
                _ = try await quiet.sign(message)
            }.samples
        }
        let alone = try await listen()
        print("")
        show("quiet tenant alone", alone.latencies)
        for (name, callers, batch) in [("64 callers", 64, 1), ("512 callers", 512, 1), ("8 batches of 1,000", 8, 1000)]
        {
            async let noise = Self.repeating(callers: callers, for: 3_200_000_000) {
                _ = try await neighbour.sign(count: batch) { _ in [[UInt8]](repeating: message, count: batch) }
            }
            try await Task.sleep(for: .milliseconds(100))
            let beside = try await listen()
            let load = try await noise
            let factor = Double(beside.quantile(0.99)) / Double(max(alone.quantile(0.99), 1))
            show(
                "beside \(name)",
                "\(beside.latencies), p99 \(rounded(factor)) × quiet; the neighbour has "
                    + rate(load.samples.nanoseconds.count * batch, load.elapsed))
        }
    }
}

/// A key store with two tenants.
private struct Fixture: Sendable {
    let store: KeyStore
    let signing: SigningKey
    let encryption: EncryptionKey
    let quiet: SigningKey
    let message = [UInt8](repeating: 0x5A, count: KeyStoreBenchmark.messageByteCount)
    let signature: [UInt8]
    let envelope: [UInt8]

    init(_ path: String) async throws {
        try MasterKey.create(file: path + "/master.key")
        try KeyStore.create(
            path + "/ledger", origin: "bench.example/keys", created: "2026-01-01T00:00:00Z",
            masterKey: try MasterKey(readingFile: path + "/master.key"))
        store = try await KeyStore.open(
            path + "/ledger", masterKey: try MasterKey(readingFile: path + "/master.key"),
            options: .init(caller: Caller(actor: "bench")))
        let acme = try await store.createTenant("acme")
        signing = try await acme.createSigningKey("claims")
        encryption = try await acme.createEncryptionKey("pii")
        quiet = try await store.createTenant("quiet").createSigningKey("claims")
        signature = try await signing.sign(message).bytes
        envelope = try await encryption.encrypt(message)
        _ = try await quiet.sign(message)
    }
}

/// What another product did on the same machine a moment ago.
private struct PeerRates {
    struct Rate {
        let perSecond: Double
        let p99: String
    }

    private var rates: [String: Rate] = [:]

    init(readingFile path: String?) throws {
        guard let path else { return }
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
            let fields = line.split(separator: "\t")
            guard fields.count == 4, let perSecond = Double(fields[2]) else { throw BenchFailure("\(path): \(line)") }
            rates["\(fields[0]) \(fields[1])"] = Rate(perSecond: perSecond, p99: String(fields[3]))
        }
    }

    func rate(_ operation: String, callers: Int) -> Rate? { rates["\(operation) \(callers)"] }
}
