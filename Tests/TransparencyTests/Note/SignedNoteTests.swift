internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Signed notes (C2SP signed-note)")
struct SignedNoteTests {
    @Test func theSpecificationsExampleVerifies() throws {
        let vector = try Vectors.load("checkpoints").member("plain_note")
        let bytes = try vector.text("note").bytes
        let key = try VerifierKey(parsing: try vector.text("vkey"))
        let note = try SignedNote(parsing: bytes)
        #expect(note.text.description == "This is an example message.\n")
        #expect(note.serialized() == bytes)
        #expect(try note.verifiedSignatures(by: [key]).map(\.key) == [key])
    }

    @Test func aSignedTextIsReadBackAndVerified() throws {
        let log = try TestKey("log")
        let text = try NoteText("one\n\nthree, after an empty line\n".bytes)
        let note = try log.signer().sign(text)
        let read = try SignedNote(parsing: note.serialized())
        #expect(read == note)
        #expect(read.text == text)
        let signatures = try read.verifiedSignatures(by: [log.verifierKey])
        #expect(signatures.map(\.key) == [log.verifierKey])
        #expect(signatures[0].secondsSince1970 == nil)
    }

    @Test func signingIsDeterministic() throws {
        let vector = try Vectors.load("checkpoints").list("valid")[0]
        let bytes = try vector.text("note").bytes
        let note = try TestKey("log").signer().sign(try SignedNote(parsing: bytes).text)
        #expect(note.serialized() == bytes)
    }

    @Test(
        "texts that cannot be signed",
        arguments: [
            ("", .notTerminated), ("no newline", .notTerminated), ("a\tb\n", .controlCharacter(9, byteOffset: 1)),
            ("a\r\n", .controlCharacter(13, byteOffset: 1)), ("\0\n", .controlCharacter(0, byteOffset: 0)),
        ] as [(String, NoteError)])
    func unsignableText(text: String, expected: NoteError) {
        #expect(throws: expected) { try NoteText(text.bytes) }
    }

    @Test(
        "malformed notes",
        arguments: [
            ("", .notTerminated), ("\n", .noSeparator), ("a\n", .noSeparator), ("\n\n", .noSignatures),
            ("a\n\n", .noSignatures), ("a\n\nb", .notTerminated), ("a\n\nb\n", .malformedSignature(number: 1)),
            ("a\n\n— b AAAAAAA=\n— b \n", .malformedSignature(number: 2)),
            ("a\n\n—  AAAAAAA=\n", .malformedSignature(number: 1)),
            ("a\n\n— b c AAAAAAA=\n", .malformedSignature(number: 1)),
            ("a\n\n— b AAAAAA==\n", .malformedSignature(number: 1)),
            ("a\n\n— b\u{2003}c AAAAAAA=\n", .malformedSignature(number: 1)),
            ("a\n\n— b AAAAAAB=\n", .malformedSignature(number: 1)),
        ] as [(String, NoteError)])
    func malformedNote(text: String, expected: NoteError) {
        #expect(throws: expected) { try SignedNote(parsing: text.bytes) }
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: NoteError.notUTF8(byteOffset: 1)) { try SignedNote(parsing: [0x61, 0xff, 0x0a]) }
        #expect(throws: NoteError.notUTF8(byteOffset: 0)) { try NoteText([0xc3, 0x0a]) }
    }

    @Test func notesAreLimitedInSizeAndSignatures() throws {
        let line = "— b AAAAAAA=\n"
        let most = "a\n\n" + String(repeating: line, count: SignedNote.signatureCountLimit)
        let note = try SignedNote(parsing: most.bytes)
        #expect(note.signatures.count == 100)
        #expect(throws: NoteError.tooManySignatures(count: 101)) { try SignedNote(parsing: (most + line).bytes) }
        #expect(throws: NoteError.tooManySignatures(count: 101)) { try note.signed(with: note.signatures[0]) }
        let long = String(repeating: "x", count: SignedNote.byteCountLimit - 1 - line.utf8.count)
        #expect(throws: NoteError.tooLarge(byteCount: 1_000_001)) {
            try SignedNote(parsing: (long + "\n\n" + line).bytes)
        }
        #expect(throws: Never.self) { try SignedNote(parsing: (long.dropLast() + "\n\n" + line).bytes) }
    }

    @Test func aRepeatedSignatureCountsOnceButMustHold() throws {
        let log = try TestKey("log")
        let text = try NoteText("text\n".bytes)
        let note = try log.signer().sign(text)
        let repeated = try note.signed(with: note.signatures[0])
        #expect(try repeated.verifiedSignatures(by: [log.verifierKey]).count == 1)
        let foreign = try log.signer().signature(over: try NoteText("other text\n".bytes))
        #expect(throws: NoteError.invalidSignature(log.name, log.verifierKey.keyID)) {
            try note.signed(with: foreign).verifiedSignatures(by: [log.verifierKey])
        }
    }

    @Test func namesThatOnlyLookAlikeAreDifferentKeys() throws {
        let seed = [UInt8](repeating: 7, count: 32)
        let privateKey = try Ed25519.PrivateKey(seed: try SecretBytes(copying: unsafe seed.span.bytes))
        let composed = try #require(KeyName("caf\u{e9}"))
        let decomposed = try #require(KeyName("cafe\u{301}"))
        #expect(composed != decomposed)
        let signer = NoteSigner(name: composed, privateKey: privateKey)
        let note = try signer.sign(try NoteText("text\n".bytes))
        let renamed = String(decoding: note.serialized(), as: UTF8.self).replacing("\u{e9}", with: "e\u{301}")
        let key = signer.verifierKey
        #expect(throws: NoteError.noTrustedSignature) {
            try SignedNote(parsing: renamed.bytes).verifiedSignatures(by: [key])
        }
    }

    @Test func noDamageStopsTheParserOrPassesForSigned() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let vector = try Vectors.load("checkpoints").list("valid")[3]
        let bytes = try vector.text("note").bytes
        let keys = try vector.verifierKeys("trusted_vkeys")
        let text = try SignedNote(parsing: bytes).text
        for _ in 0..<5_000 {
            guard let note = try? SignedNote(parsing: random.damage(bytes)) else { continue }
            #expect(try SignedNote(parsing: note.serialized()) == note, "seed \(seed)")
            if (try? note.verifiedSignatures(by: keys)) != nil { #expect(note.text == text, "seed \(seed)") }
        }
    }
}
