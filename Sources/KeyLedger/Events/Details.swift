internal import CryptoPrimitives
internal import LedgerStore
internal import Transparency

/// What an event says beyond its 128 bytes: who, why, with which context.
///
/// The text is canonical JSON behind a random salt, encrypted under the tenant's details key. Its event carries the
/// commitment `SHA-256(label ‖ salt ‖ text)`: destroying the details key forgets the text, and the commitment, being
/// salted, does not betray it.
enum Details {
    private static let label = Array("keyledger details v1".utf8)
    private static let saltByteCount = 32
    private static let version: UInt8 = 1

    /// Seals the details of the event with this id and index in its request.
    static func seal(
        _ details: JSONObject, of event: EventID, at index: Int, under key: borrowing AES256GCM
    ) throws(CryptoError) -> EventDetails {
        let content = try SecureRandom.bytes(count: saltByteCount) + details.canonicalBytes
        let context = associatedData(event)
        let box = try key.seal(unsafe content.span.bytes, authenticating: unsafe context.span.bytes)
        return EventDetails(index: index, sealed: [version] + box, commitment: commitment(to: content))
    }

    /// What sealed details say, and what binds it to their event.
    struct Opened {
        let details: JSONObject
        let salt: [UInt8]
        /// Canonical JSON.
        let text: [UInt8]
        let commitment: SHA256Digest
    }

    /// Opens sealed details.
    ///
    /// - Throws: `CryptoError.authenticationFailed` if they are not this event's, were changed, or are under another key.
    static func open(
        _ sealed: [UInt8], of event: EventID, under key: borrowing AES256GCM
    ) throws(CryptoError) -> Opened {
        guard sealed.first == version else { throw .authenticationFailed }
        let context = associatedData(event)
        let box = Array(sealed.dropFirst())
        let content = try key.open(unsafe box.span.bytes, authenticating: unsafe context.span.bytes).withBytes {
            $0.array
        }
        let text = Array(content.dropFirst(saltByteCount))
        guard content.count >= saltByteCount, let object = try? JSONValue(parsing: text).object else {
            throw .authenticationFailed
        }
        return Opened(
            details: object, salt: Array(content.prefix(saltByteCount)), text: text, commitment: commitment(to: content)
        )
    }

    private static func associatedData(_ event: EventID) -> [UInt8] {
        var bytes = LittleEndianBytes()
        bytes.append(label)
        bytes.append(event.value)
        return bytes.bytes
    }

    private static func commitment(to content: [UInt8]) -> SHA256Digest {
        var hash = SHA256()
        hash.update(unsafe label.span.bytes)
        hash.update(unsafe content.span.bytes)
        return hash.finalize()
    }
}

/// Who asks for an operation, and why; part of every event's details.
public struct Caller: Hashable, Sendable {
    /// A user, a service, a job: whatever a reader of the audit trail will recognise.
    public var actor: String
    /// A ticket, a sentence; nil if none was given.
    public var reason: String?

    /// A caller under the name it gives itself.
    public init(actor: String, reason: String? = nil) {
        self.actor = actor
        self.reason = reason
    }

    /// The details of an event this caller asked for.
    func details(_ members: JSONObject = [:]) -> JSONObject {
        var details = members
        details["actor"] = .string(actor)
        if let reason { details["reason"] = .string(reason) }
        return details
    }
}
