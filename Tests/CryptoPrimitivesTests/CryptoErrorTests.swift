import Testing

@testable import CryptoPrimitives

@Suite struct CryptoErrorTests {
    @Test func everyErrorSaysWhatHappened() {
        #expect(
            "\(CryptoError.authenticationFailed)"
                == "authentication failed: the bytes, the key or the context are not the ones that were protected")
        #expect("\(CryptoError.invalidKey(reason: "too short"))" == "the key is not acceptable: too short")
        #expect("\(CryptoError.invalidParameter(reason: "n is 0"))" == "a parameter is not acceptable: n is 0")
        #expect("\(CryptoError.secureMemoryExhausted)".contains("reduce the number of cached keys"))
        #expect("\(CryptoError.backend(operation: "RAND_bytes"))" == "OpenSSL failed in RAND_bytes")
    }

    /// Invariant 8: a refused key shows up in its error by its length, not by its bytes.
    @Test func errorsDoNotCarryKeyBytes() {
        let key = [UInt8](repeating: 0x6b, count: 31)
        for text in [
            describeError { _ = try AES256GCM(key: key) }, describeError { _ = try Ed25519.PrivateKey(seed: key) },
        ] {
            #expect(text.contains("31"))
            #expect(!text.contains("6b") && !text.contains("107"))
        }
    }

    private func describeError(_ body: () throws -> Void) -> String {
        do {
            try body()
            return ""
        } catch {
            return "\(error) \(String(reflecting: error))"
        }
    }
}
