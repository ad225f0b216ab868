import CryptoPrimitives
import Foundation
import Glibc
import Testing

@testable import KeyLedger

@Suite("The master key's file")
struct MasterKeyTests {
    private static let digits = String(repeating: "0123456789abcdef", count: 4)
    private static let line = "keyledger-master-key-1 \(digits)\n"

    /// A folder with a file in it, for as long as this object lives.
    private final class KeyFile: Sendable {
        let folder = NSTemporaryDirectory() + "/keyledger-tests-" + UUID().uuidString
        let path: String

        init(_ content: String? = nil, mode: mode_t = 0o600) throws {
            path = folder + "/master.key"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            if let content {
                try Data(content.utf8).write(to: URL(filePath: path))
                try #require(unsafe chmod(path, mode) == 0)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// The reason for which a file is refused.
    private func refusal(of path: String) -> String? {
        do throws(KeyStoreError) {
            _ = try MasterKey(readingFile: path).id
            return nil
        } catch .masterKeyFile(path, let reason) {
            return reason
        } catch {
            return "\(error)"
        }
    }

    private func refusal(of file: KeyFile) -> String? { withExtendedLifetime(file) { refusal(of: file.path) } }

    @Test func isMadeReadableByItsOwnerOnlyAndReadsBack() throws {
        let file = try KeyFile()
        try MasterKey.create(file: file.path)
        let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(attributes[.size] as? Int == 88)
        #expect(try MasterKey(readingFile: file.path).id == MasterKey(readingFile: file.path).id)
        #expect(try MasterKey(readingFile: file.path).id.count == 16)
    }

    @Test func isNeverMadeTwiceTheSame() throws {
        let (one, other) = (try KeyFile(), try KeyFile())
        try MasterKey.create(file: one.path)
        try MasterKey.create(file: other.path)
        #expect(try MasterKey(readingFile: one.path).id != MasterKey(readingFile: other.path).id)
    }

    @Test func isNeverOverwritten() throws {
        let file = try KeyFile("precious")
        #expect(throws: KeyStoreError.masterKeyFile(path: file.path, reason: "it exists already")) {
            try MasterKey.create(file: file.path)
        }
        #expect(try String(contentsOfFile: file.path, encoding: .utf8) == "precious")
    }

    @Test func isNotMadeInAFolderThatIsMissing() throws {
        let file = try KeyFile()
        let path = file.folder + "/missing/master.key"
        #expect(throws: KeyStoreError.masterKeyFile(path: path, reason: "No such file or directory")) {
            try MasterKey.create(file: path)
        }
    }

    @Test(arguments: [line, String(line.dropLast())])
    func mayLackTheLastLineEnd(content: String) throws {
        #expect(refusal(of: try KeyFile(content)) == nil)
    }

    static let malformed = [
        "", "\n", "keyledger-master-key-1", digits, "keyledger-master-key-1 \n", "keyledger-master-key-2 \(digits)\n",
        "Keyledger-master-key-1 \(digits)\n", "keyledger-master-key-1  \(digits)\n", " " + line, line + "\n",
        line + line, String(line.dropLast(2)) + "\n", String(line.dropLast()) + "0\n", String(line.dropLast()) + "\r\n",
        "keyledger-master-key-1 \(digits.uppercased())\n", line.replacing("f", with: "g"),
        line.replacing(" ", with: "\t"),
        String(repeating: "x", count: 1 << 16), "\u{0}" + line,
    ].map(Text.init)

    @Test(arguments: malformed)
    func holdsOneLineAndNothingElse(content: Text) throws {
        let reason = try #require(refusal(of: try KeyFile(content.text)))
        #expect(
            reason == "it is not one line of `keyledger-master-key-1`, a space and 64 hexadecimal digits in lower case")
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o660, 0o606, 0o610, 0o601] as [mode_t])
    func isRefusedIfOthersMayReadOrWriteIt(mode: mode_t) throws {
        let file = try KeyFile(Self.line, mode: mode)
        let reason = try #require(refusal(of: file))
        #expect(
            reason == "others may read it (mode \(String(mode, radix: 8))); run `chmod 600 \(file.path)`")
    }

    @Test(arguments: [0o600, 0o400, 0o700] as [mode_t])
    func isAcceptedIfOnlyItsOwnerMay(mode: mode_t) throws {
        #expect(refusal(of: try KeyFile(Self.line, mode: mode)) == nil)
    }

    @Test func isAFile() throws {
        let file = try KeyFile()
        #expect(refusal(of: file.path) == "there is no such file")
        #expect(refusal(of: file.folder) == "it is not a file")
        #expect(refusal(of: "/dev/zero") == "it is not a file")
        // A pipe that nobody writes to must not be waited for.
        try #require(unsafe mkfifo(file.path, 0o600) == 0)
        #expect(refusal(of: file.path) == "it is not a file")
    }

    @Test func isNotQuotedInAnyMessage() throws {
        let file = try KeyFile(String(Self.line.dropLast(2)))
        let good = try KeyFile(Self.line)
        let error = #expect(throws: KeyStoreError.self) { _ = try MasterKey(readingFile: file.path).id }
        let said = String(reflecting: try #require(error)) + (error?.description ?? "")
        #expect(!said.contains("89abcdef"))
        let key = try MasterKey(readingFile: good.path)
        // The id says nothing about the key: it is derived, one way.
        #expect(!Self.digits.contains(key.id))
    }
}
