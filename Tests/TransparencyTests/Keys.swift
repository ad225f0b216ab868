internal import CryptoPrimitives
internal import Testing
internal import Transparency

/// A signing key of the vectors: `name`, `seed_hex` and what is computed from them.
struct TestKey {
    let name: KeyName
    let seed: [UInt8]
    let verifierKey: VerifierKey

    init(_ vector: JSONValue) throws {
        name = try #require(KeyName(try vector.text("name")))
        seed = try vector.bytes("seed_hex")
        verifierKey = try VerifierKey(parsing: try vector.text("vkey"))
    }

    /// The key of the vectors with this label.
    init(_ label: String) throws {
        try self.init(try Vectors.load("checkpoints").member("keys").member(label))
    }

    func privateKey() throws -> Ed25519.PrivateKey {
        try Ed25519.PrivateKey(seed: try SecretBytes(copying: unsafe seed.span.bytes))
    }

    func signer() throws -> NoteSigner { NoteSigner(name: name, privateKey: try privateKey()) }

    func cosigner() throws -> Cosigner { Cosigner(name: name, privateKey: try privateKey()) }
}

extension JSONValue {
    /// The verifier keys in this member.
    func verifierKeys(_ name: String) throws -> [VerifierKey] {
        try list(name).map { try VerifierKey(parsing: try #require($0.string)) }
    }

    func origin(_ name: String) throws -> Origin { try #require(Origin(try text(name))) }
}

extension String {
    var bytes: [UInt8] { Array(utf8) }
}
