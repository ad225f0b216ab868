internal import CryptoPrimitives
internal import Foundation
internal import Testing

/// The vectors: a reply of a local authority over a checkpoint, and what must fail.
@Suite("Timestamps (RFC 3161)")
struct TimestampTests {
    private static func file(_ name: String) throws -> [UInt8] {
        let url = try #require(
            Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Vectors/rfc3161"))
        return [UInt8](try Data(contentsOf: url))
    }

    private func verify(
        _ reply: String = "checkpoint.tsr", over content: String = "checkpoint", request: String? = "checkpoint.tsq",
        authority: String = "ca.pem"
    ) throws -> VerifiedTimestamp {
        try VerifiedTimestamp(
            try Self.file(reply), over: try Self.file(content),
            request: try request.map { TimestampRequest(bytes: try Self.file($0)) },
            authority: try Self.file(authority))
    }

    @Test func aTimestampHoldsWithAndWithoutItsRequest() throws {
        let timestamp = try verify()
        #expect(timestamp == (try verify(request: nil)))
        #expect(timestamp.policy == "1.3.6.1.4.1.99999.1")
        #expect(!timestamp.serialNumber.isEmpty)
        // 2026-11-24, as the vectors say.
        #expect((1_795_478_400..<1_795_564_800).contains(timestamp.genTime))
    }

    @Test func otherBytesAreFound() {
        #expect(throws: TimestampError.otherBytes) { try verify(over: "checkpoint.tampered", request: nil) }
        #expect(throws: TimestampError.otherRequest) { try verify(over: "checkpoint.tampered") }
        #expect(throws: TimestampError.otherBytes) { try verify(over: "checkpoint.text", request: nil) }
    }

    @Test func anotherRequestIsFound() {
        #expect(throws: TimestampError.otherRequest) { try verify(request: "other-nonce.tsq") }
    }

    @Test func anotherAuthorityIsNotTrusted() {
        #expect(throws: TimestampError.notTrusted(reason: "certificate verify error")) {
            try verify(authority: "other-ca.pem")
        }
    }

    @Test func aChangedTimeBreaksTheSignature() {
        #expect(throws: TimestampError.notTrusted(reason: "signature failure")) {
            try verify("bad-gentime-altered.tsr")
        }
    }

    @Test func whatIsNoReplyIsMalformed() throws {
        #expect(throws: TimestampError.malformed) { try verify("checkpoint") }
        #expect(throws: TimestampError.malformed) { try verify("checkpoint.tsq") }
        #expect(throws: TimestampError.malformed) { try verify(request: "checkpoint") }
        #expect(throws: TimestampError.invalidCertificates) { try verify(authority: "checkpoint") }
        let reply = try Self.file("checkpoint.tsr")
        let (content, authority) = (try Self.file("checkpoint"), try Self.file("ca.pem"))
        for bytes in [[], reply + [0], Array(reply.dropLast())] {
            #expect(throws: TimestampError.malformed) {
                try VerifiedTimestamp(bytes, over: content, authority: authority)
            }
        }
    }

    /// A refusal of an authority: PKIStatus 2, and no token.
    @Test func aRefusalIsNoTimestamp() throws {
        let refusal: [UInt8] = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02]
        let (content, authority) = (try Self.file("checkpoint"), try Self.file("ca.pem"))
        #expect(throws: TimestampError.notGranted(reason: "status 2")) {
            try VerifiedTimestamp(refusal, over: content, authority: authority)
        }
    }

    /// Whatever byte is changed: nothing traps, and no other time is ever believed.
    @Test func noChangedByteMakesAnotherTime() throws {
        let reply = try Self.file("checkpoint.tsr")
        let (content, authority) = (try Self.file("checkpoint"), try Self.file("ca.pem"))
        let original = try verify()
        for place in reply.indices {
            var changed = reply
            changed[place] ^= 0x01
            let timestamp = try? VerifiedTimestamp(changed, over: content, authority: authority)
            #expect(timestamp == nil || timestamp == original, "byte \(place)")
        }
    }

    /// Ours is the request OpenSSL's tool makes, but for the nonce.
    @Test func requestsAreEncodedAsOthersEncodeThem() throws {
        let ours = try TimestampRequest(over: try Self.file("checkpoint")).bytes
        let theirs = try Self.file("checkpoint.tsq")
        #expect(ours.count == 69)
        let imprint = 5..<56
        #expect(ours[imprint] == theirs[imprint])
        #expect(ours.suffix(3) == [0x01, 0x01, 0xFF])
        #expect(try TimestampRequest(over: [1]) != TimestampRequest(over: [1]), "the nonce is random")
    }
}
