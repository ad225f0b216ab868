import Ledger
import Testing

@testable import LedgerStore

/// The ledger's time only runs forward, and what is due by it is due, asked or not.
@Suite struct TimeTests {
    static let start: UInt64 = 1_800_000_000_000_000_000
    static let second: UInt64 = 1_000_000_000

    @Test func timestampsAscendThoughTheClockIsSetBack() async throws {
        let ledger = try TemporaryLedger()
        let clock = SetClock(Self.start)
        let writer = try ledger.openWriter { clock.now }
        var last = try #require(try await writer.submit(TemporaryLedger.accounts).reply().results.last).timestamp
        #expect(last == Self.start)
        for id in UInt128(1)...5 {
            clock.now -= 3_600 * Self.second
            let batch = [TemporaryLedger.transfer(id << 8), TemporaryLedger.transfer(id << 8 | 1)]
            let timestamps = try await writer.submit(batch).reply().results.map(\.timestamp)
            #expect(timestamps == [last + 1, last + 2])
            last += 2
        }
        try await writer.close()

        // Also in the next life.
        let again = try ledger.openWriter { clock.now }
        #expect(try await again.submit([TemporaryLedger.transfer(1)]).reply().results.map(\.timestamp) == [last + 1])
        clock.now = Self.start + 9 * Self.second
        #expect(try await again.submit([TemporaryLedger.transfer(2)]).reply().results.map(\.timestamp) == [clock.now])
        try await again.close()
    }

    /// Nobody asks for anything: the writer wakes up by itself.
    @Test func pendingTransfersExpireWhenTheirTimeHasCome() async throws {
        let ledger = try TemporaryLedger()
        let clock = SetClock(Self.start)
        let stream = BlockStream()
        let writer = try ledger.openWriter(projection: stream) { clock.now }
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        let pending = TemporaryLedger.transfer(1, amount: 7, flags: .pending, timeoutSeconds: 5)
        _ = try await writer.submit([pending]).reply()
        #expect(writer.account(1)?.debitsPending == 7)

        clock.now += 6 * Self.second
        let pulse = try #require(await stream.next(.expire))
        var events: [Block.Event.Record] = []
        pulse.forEachEvent { events.append($0.record) }
        #expect(events == [.expiry(expiredCount: 1)])
        #expect(pulse.timestamp == clock.now)
        #expect(writer.account(1)?.debitsPending == 0)
        let void = Transfer(id: 2, pendingID: 1, flags: .voidPendingTransfer)
        #expect(try await writer.submit([void]).reply().results.map(\.status) == [.pendingTransferExpired])
        try await writer.close()
    }

    @Test func pendingTransfersExpireByTheSystemClock() async throws {
        let ledger = try TemporaryLedger()
        let stream = BlockStream()
        let writer = try ledger.openWriter(projection: stream)
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        let pending = TemporaryLedger.transfer(1, flags: .pending, timeoutSeconds: 1)
        let createdAt = try #require(try await writer.submit([pending]).reply().results.first).timestamp
        let pulse = try #require(await stream.next(.expire))
        #expect(pulse.timestamp >= createdAt + Self.second)
        #expect(pulse.timestamp < createdAt + 10 * Self.second)
        try await writer.close()
    }

    /// What ran out while nobody had the ledger open is expired as soon as somebody has.
    @Test func whatRanOutMeanwhileExpiresAtOpening() async throws {
        let ledger = try TemporaryLedger()
        let clock = SetClock(Self.start)
        let writer = try ledger.openWriter { clock.now }
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        _ = try await writer.submit([TemporaryLedger.transfer(1, flags: .pending, timeoutSeconds: 5)]).reply()
        try await writer.close()
        clock.now += 100 * Self.second
        let stream = BlockStream()
        let again = try ledger.openWriter(projection: stream) { clock.now }
        #expect(await stream.next(.expire)?.timestamp == clock.now)
        try await again.close()
    }

    /// A clock set back is no way to keep a pending transfer: by the ledger's time it is due.
    @Test func aClockSetBackDoesNotProlongAnything() throws {
        let ledger = try TemporaryLedger()
        var engine = try ledger.openEngine()
        _ = try engine.decide(TemporaryLedger.accounts, details: [], now: Self.start)
        _ = try engine.decide(
            [TemporaryLedger.transfer(1, flags: .pending, timeoutSeconds: 1)], details: [], now: Self.start + 1)
        _ = try engine.decide([TemporaryLedger.transfer(2)], details: [], now: Self.start + 2 * Self.second)
        engine.expire(now: Self.start)
        #expect(engine.openTransfers.isEmpty)
        try engine.commit()
        engine.close()
    }
}
