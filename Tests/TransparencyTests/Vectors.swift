internal import CryptoPrimitives
internal import Foundation
internal import Testing
internal import Transparency

/// The test vectors beside the tests, read with the parser under test: it refuses what it cannot represent.
enum Vectors {
    static func load(_ name: String) throws -> JSONValue {
        let file = try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Vectors"))
        return try JSONValue(parsing: [UInt8](try Data(contentsOf: file)))
    }
}

extension JSONValue {
    /// The member with this name; a vector without it fails the test.
    func member(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> JSONValue {
        try #require(self[name], "no member \(name)", sourceLocation: location)
    }

    func text(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> String {
        try #require(try member(name, location).string, sourceLocation: location)
    }

    func list(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> [JSONValue] {
        try #require(try member(name, location).array, sourceLocation: location)
    }

    func unsigned(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> UInt64 {
        try #require(try member(name, location).number?.integer(as: UInt64.self), sourceLocation: location)
    }

    func bytes(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> [UInt8] {
        try #require([UInt8](hexadecimal: try text(name, location)), sourceLocation: location)
    }
}
