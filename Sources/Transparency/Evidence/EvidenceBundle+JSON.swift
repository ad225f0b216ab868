internal import CryptoPrimitives

extension EvidenceBundle {
    private static let format = "keyledger-evidence-1"
    private static let members: Set<String> = [
        "checkpoint", "events", "format", "from", "hashes", "manifest", "origin", "publicKeys", "tenant", "timestamps",
        "to", "verifierKeys",
    ]

    /// Canonical JSON.
    var payload: [UInt8] {
        let document: JSONValue = [
            "checkpoint": .string(String(decoding: note.serialized(), as: UTF8.self)),
            "events": .array(events.map(\.json)),
            "format": .string(Self.format),
            "from": .string(String(range.lowerBound)),
            "hashes": .array(hashes.map { .base64($0.bytes) }),
            "manifest": manifest,
            "origin": .string(origin),
            "publicKeys": .array(publicKeys.map(\.json)),
            "tenant": ["id": .string(CrockfordBase32.text(of: tenant.id)), "name": .string(tenant.name)],
            "timestamps": .array(timestamps.map(JSONValue.base64)),
            "to": .string(String(range.upperBound)),
            "verifierKeys": .array(verifierKeys.map { .string($0.description) }),
        ]
        do throws(JSONError) {
            return try document.canonical()
        } catch {
            preconditionFailure("a document built in code is not nested deeply: \(error)")
        }
    }

    /// What the exporter signs for in numbers.
    private var manifest: JSONValue {
        var hash = SHA256()
        for event in events { hash.update(unsafe event.entry.bytes.span.bytes) }
        let detailed = events.count { $0.details != nil }
        let committed = events.count { $0.entry.commitment != nil }
        return [
            "detailsCount": .count(detailed), "entriesDigest": .string(hash.finalize().description),
            "eventCount": .count(events.count), "withheldCount": .count(committed - detailed),
        ]
    }

    /// The origin that a bundle's file claims, to find out whom to believe about it. Nothing is verified.
    public static func claimedOrigin(of file: [UInt8]) throws(EvidenceError) -> Origin {
        let envelope: Envelope
        do throws(EnvelopeError) {
            envelope = try Envelope(parsing: file)
        } catch {
            throw .envelope(error)
        }
        guard let document = try? JSONValue(parsing: envelope.payload),
            let origin = document["origin"]?.string.flatMap(Origin.init)
        else { throw .malformed("origin") }
        return origin
    }

    /// Reads a payload whose envelope was verified.
    ///
    /// - Throws: ``EvidenceError/malformed(_:)``, also for another form of the same JSON.
    init(parsing payload: [UInt8]) throws(EvidenceError) {
        guard let document = try? JSONValue(parsing: payload), let object = document.object else {
            throw .malformed("it is not JSON")
        }
        guard Set(object.members.map(\.name)) == Self.members else { throw .malformed("it has other members") }
        guard document["format"]?.string == Self.format else { throw .malformed("format") }
        guard let origin = document["origin"]?.string else { throw .malformed("origin") }
        guard let id = document["tenant"]?["id"]?.string.flatMap(CrockfordBase32.value),
            let name = document["tenant"]?["name"]?.string
        else { throw .malformed("tenant") }
        guard let from = document["from"]?.decimal, let to = document["to"]?.decimal, from <= to else {
            throw .malformed("from, to")
        }
        guard let note = document["checkpoint"]?.string.flatMap({ try? SignedNote(parsing: Array($0.utf8)) }) else {
            throw .malformed("checkpoint")
        }
        self.init(
            origin: origin, tenant: Tenant(id: id, name: name), range: from..<to, note: note,
            verifierKeys: try document.list("verifierKeys") { $0.string.flatMap { try? VerifierKey(parsing: $0) } },
            events: try document.list("events", Event.init(json:)),
            hashes: try document.list("hashes") { $0.bytes.flatMap(SHA256Digest.init) },
            publicKeys: try document.list("publicKeys", PublicKey.init(json:)),
            timestamps: try document.list("timestamps", \.bytes))
        // One bundle has one form; this also compares the manifest.
        guard self.payload == payload else { throw .malformed("it is not in canonical form, or the manifest is wrong") }
    }
}

extension EvidenceBundle.Event {
    fileprivate var json: JSONValue {
        var object: JSONObject = [
            "entry": .base64(entry.bytes), "index": .string(String(index.position)),
        ]
        if let details {
            object["details"] = ["salt": .base64(details.salt), "text": .string(details.text)]
        }
        return .object(object)
    }

    fileprivate init?(json: JSONValue) {
        guard let index = json["index"]?.decimal, let entry = json["entry"]?.bytes.flatMap(EventEntry.init) else {
            return nil
        }
        var details: EvidenceBundle.Details?
        if let object = json["details"] {
            guard let salt = object["salt"]?.bytes, salt.count == 32, let text = object["text"]?.string else {
                return nil
            }
            details = EvidenceBundle.Details(salt: salt, text: text)
        }
        self.init(index: LeafIndex(index), entry: entry, details: details)
    }
}

extension EvidenceBundle.PublicKey {
    fileprivate var json: JSONValue {
        [
            "event": .string(String(event.position)), "key": .string(CrockfordBase32.text(of: key)),
            "publicKey": .base64(bytes), "version": .count(Int(version)),
        ]
    }

    fileprivate init?(json: JSONValue) {
        guard let event = json["event"]?.decimal, let key = json["key"]?.string.flatMap(CrockfordBase32.value),
            let bytes = json["publicKey"]?.bytes, let version = json["version"]?.number?.integer(as: UInt32.self)
        else { return nil }
        self.init(event: LeafIndex(event), key: key, version: version, bytes: bytes)
    }
}

extension JSONValue {
    /// The elements of an array, each read by `element`; one that is not readable fails all.
    fileprivate func list<Element>(
        _ name: String, _ element: (JSONValue) -> Element?
    ) throws(EvidenceError) -> [Element] {
        guard let array = self[name]?.array else { throw .malformed(name) }
        var elements: [Element] = []
        elements.reserveCapacity(array.count)
        for value in array {
            guard let read = element(value) else { throw .malformed("\(name), element \(elements.count)") }
            elements.append(read)
        }
        return elements
    }

    /// A 64-bit number as text.
    fileprivate var decimal: UInt64? { string.flatMap { UInt64(canonicalDecimal: $0.utf8) } }

    /// Base64 of the standard alphabet.
    fileprivate var bytes: [UInt8]? { string.flatMap { Base64.decode($0.utf8) } }

    fileprivate static func base64(_ bytes: [UInt8]) -> JSONValue {
        .string(String(decoding: Base64.encode(bytes), as: UTF8.self))
    }

    /// A number of things in memory, far below 2^53.
    fileprivate static func count(_ count: Int) -> JSONValue { .number(JSONNumber(integerLiteral: Int64(count))) }
}
