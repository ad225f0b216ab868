import Foundation
import Testing

/// What the README says to type works when it is typed.
@Suite struct ReadmeTests {
    private static let root = URL(filePath: #filePath).appending(path: "../../..").standardizedFileURL

    /// The lines of the code block that follows a line.
    private func block(after heading: String) throws -> [String] {
        let text = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
        let lines = text.components(separatedBy: "\n")
        let start = try #require(lines.firstIndex(of: heading), "the README has no line \(heading.debugDescription)")
        let open = try #require(lines[start...].firstIndex { $0.hasPrefix("```") })
        return Array(lines[(open + 1)...].prefix { $0 != "```" })
    }

    @Test func theCommandsOfTheReadmeWork() async throws {
        let workplace = try Workplace()
        try FileManager.default.copyItem(
            at: Self.root.appending(path: "Examples/data/claims.otlp.jsonl"),
            to: URL(filePath: workplace.path + "/traces.jsonl"))
        let commands = try block(after: "As a command:")
        #expect(commands.count > 5)
        let outcome = try await workplace.shell((["set -eu"] + commands).joined(separator: "\n"))
        #expect(outcome.status == 0, "\(outcome.complaints)")
        #expect(outcome.output.contains("The log is intact"))
    }

    @Test func theProgramOfTheReadmeIsTheFirstStepsThatCompile() throws {
        let readme = try block(after: "As a library (`Examples/FirstSteps` compiles in CI):")
        let program = try String(
            contentsOf: Self.root.appending(path: "Examples/FirstSteps/main.swift"), encoding: .utf8)
        for call in ["createTenant(\"acme\")", "createSigningKey(\"claims\")", "key.sign(message)", "store.close()"] {
            #expect(readme.contains { $0.contains(call) } && program.contains(call), "\(call)")
        }
    }
}
