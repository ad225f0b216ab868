import Foundation
import Ledger
import Testing

/// The engine and the naive model agree on whatever is thrown at them.
///
/// Set `LEDGER_WORKLOAD` to a seed (`17`) or to a range of seeds (`1000...9999`) to run others than the usual ones.
/// Each is printed then before it is run: an engine that traps takes the test down before it can report.
@Suite struct WorkloadTests {
    static let operationsPerHistory = 260

    @Test func theEngineAgreesWithTheNaiveModel() throws {
        var coverage = Coverage()
        let seeds = try Self.chosenSeeds()
        for seed in seeds ?? 0...131 {
            if seeds != nil { print("seed \(seed)") }
            // One difference is enough to work on.
            guard let covered = try agreement(seed: seed) else { return }
            coverage.add(covered)
        }
        if seeds == nil { expectHostility(coverage) }
    }

    /// Runs one history. If the two differ, says how with the smallest history that shows it.
    private func agreement(seed: UInt64) throws -> Coverage? {
        var workload = Workload(seed: seed)
        var both = SideBySide()
        var history: [Operation] = []
        var difference: String?
        while history.count < Self.operationsPerHistory, difference == nil {
            let operation = workload.next(after: both.model)
            history.append(operation)
            difference = try both.run(operation)
        }
        guard let difference = difference ?? both.differenceInEverything() else { return both.coverage }
        let smallest = Shrinking.shrink(history) { firstDifference(in: $0) != nil }
        Issue.record(
            """
            seed \(seed): \(difference)
            The smallest history that shows a difference: \(firstDifference(in: smallest)?.description ?? "none")
            expectAgreement(\(smallest.source))
            """)
        return nil
    }

    /// Every status and every situation occurs: the workload cannot become tame without being noticed.
    private func expectHostility(_ coverage: Coverage) {
        #expect(coverage.operationCount >= 100_000)
        #expect(CreateAccountStatus.allCases.filter { coverage.accountStatuses[$0] == nil } == [])
        #expect(CreateTransferStatus.allCases.filter { coverage.transferStatuses[$0] == nil } == [])
        #expect(Coverage.Situation.allCases.filter { coverage.situations[$0] == nil } == [])
    }

    private static func chosenSeeds() throws -> ClosedRange<UInt64>? {
        guard let text = ProcessInfo.processInfo.environment["LEDGER_WORKLOAD"] else { return nil }
        let bounds = text.split(separator: ".", omittingEmptySubsequences: true).compactMap { UInt64($0) }
        let first = try #require(bounds.first, "LEDGER_WORKLOAD is a seed or first...last")
        return first...(bounds.count > 1 ? bounds[1] : first)
    }
}

/// Fails if the engine and the naive model differ on `history`.
func expectAgreement(_ history: [Operation], sourceLocation: SourceLocation = #_sourceLocation) {
    if let difference = firstDifference(in: history) {
        Issue.record("operation \(difference.operation): \(difference)", sourceLocation: sourceLocation)
    }
}
