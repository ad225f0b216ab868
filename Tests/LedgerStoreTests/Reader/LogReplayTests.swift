import Ledger
import Testing

@testable import LedgerStore

/// A replay that puts the past aside decides as one that has all of it in memory.
@Suite struct LogReplayTests {
    @Test(arguments: UInt64(1)...4) func itLeadsToWhatTheWriterHad(_ seed: UInt64) throws {
        let ledger = try TemporaryLedger()
        var events = RandomEvents(seed: seed)
        var engine = try ledger.openEngine()
        var now: UInt64 = 1_800_000_000_000_000_000
        for _ in 0..<300 {
            now += UInt64(events.number(0...900_000_000))
            engine.expire(now: now)
            switch events.request(now: now) {
            case .accounts(let accounts): _ = try engine.decide(accounts, details: [], now: now)
            case .transfers(let transfers): _ = try engine.decide(transfers, details: [], now: now)
            }
            try engine.commit()
        }
        let content = engine.contentDigest
        engine.close()

        let reader = try LedgerReader(ledger.folder)
        var replay = try LogReplay(reader, flushCount: 40)
        for block in try blocks(of: ledger.folder, with: reader) {
            #expect(try replay.replay(block) == nil, "seed \(seed), block \(block.firstSequence)")
        }
        #expect(contentDigest(replay.machine.allAccounts, replay.machine.openTransfers) == content, "seed \(seed)")
        #expect(replay.machine.recentTransfers.transfers.count < 400, "seed \(seed): all of it is in memory")
    }

    @Test func anIDThatIsUsedAgainLongAfterIsNoticed() throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 60, blockSize: 10)
        let reader = try LedgerReader(ledger.folder)
        let all = try blocks(of: ledger.folder, with: reader)
        for old in [1, 30, 55] {
            var replay = try LogReplay(reader, flushCount: 20)
            for block in all { #expect(try replay.replay(block) == nil) }
            var forged = all[old].transfers[3]
            forged.timestamp = all[60].timestamp + 1
            let block = Block(
                transfers: [forged], firstSequence: all[60].nextSequence, timestamp: forged.timestamp)
            #expect(try replay.replay(block) == "the recorded results do not follow from the events")
        }
    }
}
