import Ledger
import Testing

@testable import LedgerStore

/// The store is the state machine, made durable: same requests, same answers, same balances.
@Suite struct RandomWorkloadTests {
    @Test(arguments: UInt64(1)...6) func theStoreEqualsTheStateMachineThroughEveryInterruption(_ seed: UInt64) throws {
        let ledger = try TemporaryLedger()
        let projection = DigestProjection()
        var events = RandomEvents(seed: seed)
        var model = StateMachine()
        var engine = try ledger.openEngine(projection: projection, flushCount: 200)
        var now: UInt64 = 1_800_000_000_000_000_000
        var createdCount = 0
        for round in 0..<400 {
            let comment: Comment = "seed \(seed), round \(round)"
            // Mostly forward, sometimes back.
            now = events.chance(5) ? now - 3_000_000_000 : now + UInt64(events.number(0...900_000_000))
            try expire(&engine, &model, now: now, comment)
            switch events.request(now: now) {
            case .accounts(var accounts):
                let answers = try engine.decide(accounts, details: [], now: now)
                var expected: [CreateAccountResult] = []
                try model.createAccounts(
                    &accounts, timestamp: max(now, model.lastTimestamp + UInt64(accounts.count)), results: &expected)
                #expect(answers == expected, comment)
            case .transfers(var transfers):
                let answers = try engine.decide(transfers, details: [], now: now)
                var expected: [CreateTransferResult] = []
                try model.createTransfers(
                    &transfers, timestamp: max(now, model.lastTimestamp + UInt64(transfers.count)), results: &expected)
                #expect(answers == expected, comment)
                createdCount += answers.count { $0.status == .created }
            }
            if events.chance(80) { try engine.commit() }
            if events.chance(15) {
                try engine.commit()
                try engine.flushIfDue()
            }
            if events.chance(4) {
                try engine.commit()
                if events.chance(50) { try engine.flush() }
                engine.close()
                if events.chance(30) { try ledger.folder.removeState() }
                let folded = projection.value
                engine = try ledger.openEngine(projection: projection, flushCount: 200)
                #expect(projection.value == folded, comment)
            }
            #expect(engine.contentDigest == contentDigest(model.allAccounts, model.openTransfers), comment)
        }
        try engine.commit()
        engine.close()
        #expect(createdCount > 500, "seed \(seed): the workload says little")

        let replayed = DigestProjection()
        try ledger.folder.removeState()
        var again = try ledger.openEngine(projection: replayed)
        #expect(again.contentDigest == contentDigest(model.allAccounts, model.openTransfers), "seed \(seed)")
        #expect(replayed.value == projection.value, "seed \(seed)")
        again.close()
    }

    /// A pulse takes a moment of the ledger's time, so the model takes it when the engine does; and when the engine
    /// takes none there must be nothing to expire.
    private func expire(_ engine: inout Engine, _ model: inout StateMachine, now: UInt64, _ comment: Comment) throws {
        let before = engine.nextSequence
        engine.expire(now: now)
        let timestamp = max(now, model.lastTimestamp + 1)
        if engine.nextSequence > before {
            _ = model.expire(timestamp: timestamp)
        } else {
            var trial = model
            #expect(trial.expire(timestamp: timestamp) == 0, comment)
        }
    }
}
