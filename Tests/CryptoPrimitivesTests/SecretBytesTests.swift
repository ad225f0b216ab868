import Glibc
import Testing

@testable import CryptoPrimitives

@Suite struct SecretBytesTests {
    // MARK: Bytes in, bytes out

    @Test(arguments: [0, 1, 31, 32, 33, 65_536]) func bytesComeBack(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let secret = try SecretBytes(bytes)
        #expect(secret.count == count)
        #expect(secret.revealed() == bytes)
    }

    @Test func whatIsNotInitialisedIsZero() throws {
        let secret = try SecretBytes(count: 100) { _ in }
        #expect(secret.revealed() == [UInt8](repeating: 0, count: 100))
    }

    @Test func randomSecretsDiffer() throws {
        let drawn = try Set((0..<1000).map { _ in try SecretBytes(randomCount: 32).revealed() })
        #expect(drawn.count == 1000)
        #expect(try SecretBytes(randomCount: 0).count == 0)
    }

    @Test func errorsPassThroughInitialisationAndUse() throws {
        #expect(throws: CryptoError.authenticationFailed) {
            _ = try SecretBytes(count: 32) { (_: inout MutableRawSpan) throws(CryptoError) in
                throw CryptoError.authenticationFailed
            }
        }
        let secret = try SecretBytes([1])
        #expect(throws: CryptoError.authenticationFailed) {
            try secret.withBytes { (_: RawSpan) throws(CryptoError) in throw CryptoError.authenticationFailed }
        }
    }

    // MARK: Comparing

    @Test func equalMeansSameLengthAndSameBytes() throws {
        func areEqual(_ a: [UInt8], _ b: [UInt8]) throws -> Bool {
            let first = try SecretBytes(a)
            return first.isEqual(to: try SecretBytes(b))
        }
        let bytes = [UInt8](0..<32)
        #expect(try areEqual(bytes, bytes))
        #expect(try areEqual([], []))
        #expect(try !areEqual(bytes, bytes + [0]))
        #expect(try !areEqual(bytes, bytes.dropLast()))
        #expect(try !areEqual(bytes, []))
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 0x80
            #expect(try !areEqual(bytes, changed), "byte \(place)")
        }
    }

    // MARK: Where secrets live

    @Test func secretsLiveInMemoryThatIsGuardedAndLeftOutOfCoreDumps() throws {
        let secret = try SecretBytes(randomCount: 32)
        let mappings = try ProcessMemory.mappings()
        let index = try #require(mappings.firstIndex { $0.addresses.contains(secret.address()) })
        let arena = mappings[index]
        #expect(arena.flags.contains("dd"))
        #expect(arena.flags.contains("lo") == SecretBytes.isMemoryLocked)
        let (before, after) = (mappings[index - 1], mappings[index + 1])
        #expect(before.permissions == "---p" && before.addresses.upperBound == arena.addresses.lowerBound)
        #expect(after.permissions == "---p" && after.addresses.lowerBound == arena.addresses.upperBound)
    }

    @Test func moreThanTheArenaIsRefusedNotPutElsewhere() {
        for count in [16 << 20, 1 << 40, Int.max] {
            #expect(throws: CryptoError.secureMemoryExhausted) { _ = try SecretBytes(count: count) { _ in } }
        }
    }

    @Test func aFullArenaIsATypedErrorEverywhere() async {
        await #expect(processExitsWith: .success) {
            var all: SecretList?
            // The largest blocks that fit, down to a single byte.
            var count = 8 << 20
            while count > 0 {
                do throws(CryptoError) {
                    all = SecretList(try SecretBytes(count: count) { _ in }, all)
                } catch {
                    #expect(error == .secureMemoryExhausted)
                    count /= 2
                }
            }
            #expect(throws: CryptoError.secureMemoryExhausted) { _ = try SecretBytes([1]) }
            #expect(throws: CryptoError.secureMemoryExhausted) { _ = try SecretBytes(randomCount: 1) }
            #expect(throws: CryptoError.secureMemoryExhausted) { _ = try Ed25519.PrivateKey() }
            #expect(throws: CryptoError.secureMemoryExhausted) { _ = try all?.derive() }
            // The generator of this thread does not exist yet, and would have to be put into the full arena.
            #expect(throws: CryptoError.secureMemoryExhausted) { try SecureRandom.bytes(count: 12) }
            #expect(openSSLErrorCount() == 0, "errors left to the host program")

            all = nil
            _ = try Ed25519.PrivateKey().signature(for: [1])
        }
    }

    @Test func releasedMemoryServesAgain() async {
        await #expect(processExitsWith: .success) {
            // Three times the arena, one after the other.
            for _ in 0..<24 {
                let secret = try SecretBytes(count: 1 << 20) { _ in }
                #expect(secret.count == 1 << 20)
            }
            // The same, when initialising fails.
            for _ in 0..<24 {
                #expect(throws: CryptoError.authenticationFailed) {
                    _ = try SecretBytes(count: 1 << 20) { (_: inout MutableRawSpan) throws(CryptoError) in
                        throw CryptoError.authenticationFailed
                    }
                }
            }
        }
    }

    // MARK: Wiping

    @Test func anEndedSecretIsNowhereInMemory() async {
        await #expect(processExitsWith: .success) {
            let witness = try SecretBytes(randomCount: 64)
            do {
                let secret = try witness.duplicate()
                let found = try ProcessMemory.copies(of: witness)
                #expect(found == [secret.address()])
            }
            #expect(try ProcessMemory.copies(of: witness) == [])
            // Initialising writes it, then fails.
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try SecretBytes(count: 64) { (span: inout MutableRawSpan) throws(CryptoError) in
                    witness.withBytes { bytes in
                        unsafe span.withUnsafeMutableBytes { span in
                            unsafe bytes.withUnsafeBytes { unsafe span.copyMemory(from: $0) }
                        }
                    }
                    throw CryptoError.authenticationFailed
                }
            }
            #expect(try ProcessMemory.copies(of: witness) == [])
        }
    }

    /// Reserved again, the same bytes come back as zeros: all but the first 32 of them only because they were wiped when
    /// they were released.
    @Test func memoryIsWipedBeforeItIsReused() async {
        await #expect(processExitsWith: .success) {
            var first: UInt = 0
            do {
                let secret = try SecretBytes([UInt8](repeating: 0xa5, count: 4096))
                first = secret.address()
            }
            let again = try SecretBytes(count: 4096) { _ in }
            #expect(again.address() == first)
            #expect(again.revealed() == [UInt8](repeating: 0, count: 4096))
        }
    }

    /// The search that the tests here rely on does find a copy where there is one.
    @Test func aLeakedCopyWouldBeFound() async {
        await #expect(processExitsWith: .success) {
            let secret = try SecretBytes(randomCount: 32)
            #expect(try ProcessMemory.copies(of: secret) == [])
            let leaked = secret.revealed()
            #expect(try !ProcessMemory.copies(of: secret).isEmpty)
            withExtendedLifetime(leaked) {}
        }
    }

    // MARK: Using secrets

    // What follows is done twice, and only the second round counts: the first call of a C function goes through the
    // dynamic linker, which spills vector registers, and with them what was copied last, onto the stack. (Not so in a
    // program linked with `-z now`.)

    @Test func signingLeavesNoCopyBehind() async {
        await #expect(processExitsWith: .success) {
            for counts in [false, true] {
                let key = try ProcessMemory.afterThread { Held(try Ed25519.PrivateKey()) }
                let seed = try key.value.withSeed { (seed: RawSpan) throws(CryptoError) in
                    try SecretBytes(copying: seed)
                }
                let own = key.value.withSeed { seed in
                    unsafe seed.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
                }
                let created = try ProcessMemory.copies(of: seed)
                #expect(created == [own] || !counts)
                let signature = try ProcessMemory.afterThread { try key.value.signature(for: [1, 2, 3]) }
                #expect(signature.count == 64)
                let signed = try ProcessMemory.copies(of: seed)
                #expect(signed == [own] || !counts)
            }
        }
    }

    @Test func sealingAndOpeningLeaveNoCopyBehind() async {
        await #expect(processExitsWith: .success) {
            for counts in [false, true] {
                let key = try SecretBytes(randomCount: 32)
                let wrapped = Held(try SecretBytes(randomCount: 32))
                let cipher = Held(try AES256GCM(key: try key.duplicate()))
                let box = try ProcessMemory.afterThread {
                    try wrapped.value.withBytes { (bytes: RawSpan) throws(CryptoError) in
                        try cipher.value.seal(bytes, authenticating: RawSpan())
                    }
                }
                let opened = try ProcessMemory.afterThread {
                    try cipher.value.open(unsafe box.span.bytes, authenticating: RawSpan())
                }
                let ofKey = try ProcessMemory.copies(of: key)
                #expect(ofKey.count == 1 || !counts, "only the cipher's own")
                let ofWrapped = try ProcessMemory.copies(of: wrapped.value)
                #expect(ofWrapped == [opened.address()] || !counts)

                // A box that fails has been decrypted before its tag is known to be wrong.
                let changed = Array(box.dropLast()) + [~(box.last ?? 0)]
                #expect(throws: CryptoError.authenticationFailed) {
                    try ProcessMemory.afterThread { try cipher.value.open(changed) }
                }
                let ofRefused = try ProcessMemory.copies(of: wrapped.value)
                #expect(ofRefused == [opened.address()] || !counts)
            }
        }
    }

    @Test func derivingAndAuthenticatingLeaveNoCopyBehind() async {
        await #expect(processExitsWith: .success) {
            for counts in [false, true] {
                let secret = Held(try SecretBytes(randomCount: 32))
                let derived = try ProcessMemory.afterThread {
                    try HKDFSHA256.derive(from: secret.value, salt: RawSpan(), info: RawSpan(), count: 96)
                }
                let ofDerived = try ProcessMemory.copies(of: derived)
                #expect(ofDerived == [] || !counts)
                let stretched = try ProcessMemory.afterThread {
                    try Scrypt.derive(
                        passphrase: secret.value, salt: RawSpan(), parameters: .init(n: 16, r: 8, p: 1), count: 32)
                }
                let ofStretched = try ProcessMemory.copies(of: stretched)
                #expect(ofStretched == [] || !counts)
                _ = try ProcessMemory.afterThread { HMACSHA256.code(for: RawSpan(), key: secret.value) }
                let ofSecret = try ProcessMemory.copies(of: secret.value)
                #expect(ofSecret == [] || !counts)
            }
        }
    }
}

/// What cannot be copied cannot be captured either; an object that holds it can.
private final class Held<Value: ~Copyable & Sendable>: Sendable {
    let value: Value

    init(_ value: consuming Value) { self.value = value }
}

/// Secrets cannot be put into an array; this is a list of them.
private final class SecretList {
    private let secret: SecretBytes
    private let next: SecretList?

    init(_ secret: consuming SecretBytes, _ next: SecretList?) {
        self.secret = secret
        self.next = next
    }

    func derive() throws(CryptoError) -> SecretBytes {
        try HKDFSHA256.derive(from: secret, salt: RawSpan(), info: RawSpan(), count: 32)
    }
}

/// How many errors OpenSSL has queued for this thread (0 or 1 and more), asked past the library.
private func openSSLErrorCount() -> Int {
    guard let symbol = unsafe dlsym(nil, "ERR_peek_error") else { return -1 }
    let peek = unsafe unsafeBitCast(symbol, to: (@convention(c) () -> UInt).self)
    return peek() == 0 ? 0 : 1
}
