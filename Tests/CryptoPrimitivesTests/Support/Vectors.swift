import Foundation

@testable import CryptoPrimitives

/// The published test vectors beside these tests.
enum Vectors {
    static func read<Content: Decodable>(_ path: String, as type: Content.Type = Content.self) throws -> Content {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(components: "Vectors", path)
        return try JSONDecoder().decode(Content.self, from: Data(contentsOf: file))
    }
}

/// Bytes that a vector file writes as hexadecimal digits.
struct Hex: Decodable, ExpressibleByStringLiteral {
    let bytes: [UInt8]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let bytes = [UInt8](hexadecimal: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not hexadecimal")
        }
        self.bytes = bytes
    }

    init(stringLiteral text: String) {
        guard let bytes = [UInt8](hexadecimal: text) else { preconditionFailure("not hexadecimal: \(text)") }
        self.bytes = bytes
    }
}

/// A file of Wycheproof: groups of cases, each with what must come of it.
struct Wycheproof<Group: Decodable>: Decodable {
    let numberOfTests: Int
    let testGroups: [Group]

    enum Verdict: String, Decodable {
        case valid, invalid
    }
}
