public import CryptoPrimitives

/// What an envelope says about things known by their digests (in-toto Statement v1): of `subjects`, `predicate` holds.
///
/// For evidence from a ledger the subjects are the tree head it follows from and the files of a report.
public struct InTotoStatement: Sendable {
    /// A thing a statement is about.
    public struct Subject: Sendable {
        /// What it is called where the statement is used.
        public let name: String
        /// What it is.
        public let sha256: SHA256Digest

        /// The thing with this name and digest.
        public init(name: String, sha256: SHA256Digest) {
            self.name = name
            self.sha256 = sha256
        }
    }

    /// The type of an envelope with a statement in it.
    public static let payloadType = "application/vnd.in-toto+json"
    private static let type = "https://in-toto.io/Statement/v1"

    /// What the statement is about.
    public let subjects: [Subject]
    /// How to read ``predicate``: a URI.
    public let predicateType: String
    /// What is stated.
    public let predicate: JSONValue

    /// The statement that `predicate` holds of `subjects`.
    public init(subjects: [Subject], predicateType: String, predicate: JSONValue) {
        self.subjects = subjects
        self.predicateType = predicateType
        self.predicate = predicate
    }

    /// Reads the payload of an envelope that has been verified. Digests other than SHA-256 are ignored.
    ///
    /// - Throws: ``EnvelopeError/json(_:)``, ``EnvelopeError/malformedMember(_:)``.
    public init(parsing payload: [UInt8]) throws(EnvelopeError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: payload)
        } catch {
            throw .json(error)
        }
        guard document["_type"]?.string == Self.type else { throw .malformedMember("_type") }
        guard let list = document["subject"]?.array else { throw .malformedMember("subject") }
        guard let predicateType = document["predicateType"]?.string else { throw .malformedMember("predicateType") }
        guard let predicate = document["predicate"] else { throw .malformedMember("predicate") }
        var subjects: [Subject] = []
        for element in list {
            guard let name = element["name"]?.string,
                let digest = element["digest"]?["sha256"]?.string.flatMap([UInt8].init(hexadecimal:)),
                let sha256 = SHA256Digest(digest)
            else { throw .malformedMember("subject") }
            subjects.append(Subject(name: name, sha256: sha256))
        }
        self.init(subjects: subjects, predicateType: predicateType, predicate: predicate)
    }

    /// The statement in an envelope nobody has signed yet, as canonical JSON: equal statements have equal payloads.
    ///
    /// - Throws: ``JSONError`` for a predicate that is nested too deeply.
    public func envelope() throws(JSONError) -> Envelope {
        let list = subjects.map { subject -> JSONValue in
            ["name": .string(subject.name), "digest": ["sha256": .string(subject.sha256.description)]]
        }
        let document: JSONValue = [
            "_type": .string(Self.type), "subject": .array(list), "predicateType": .string(predicateType),
            "predicate": predicate,
        ]
        return Envelope(payloadType: Self.payloadType, payload: try document.canonical())
    }
}
