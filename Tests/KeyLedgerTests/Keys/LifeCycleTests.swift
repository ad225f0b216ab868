import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

/// SP 800-57 part 1 rev. 5, section 7, written down once more: the states by name, what each lets one do, where each
/// order leads. Shares nothing with the product.
struct NaiveLifeCycle {
    enum State: String, CaseIterable {
        case preActivation, active, suspended, deactivated, compromised
        /// Waiting for destruction, and to what a cancellation leads.
        case deactivatedWaiting, compromisedWaiting, deactivatedDue, compromisedDue, destroyed
    }

    enum Order: String, CaseIterable {
        case activate, suspend, resume, deactivate, compromise, schedule, cancel, destroy
    }

    /// What is not here is refused.
    static let table: [State: [Order: State]] = [
        .preActivation: [
            .activate: .active, .compromise: .compromised, .schedule: .deactivatedWaiting, .destroy: .destroyed,
        ],
        .active: [
            .suspend: .suspended, .deactivate: .deactivated, .compromise: .compromised,
            .schedule: .deactivatedWaiting, .destroy: .destroyed,
        ],
        .suspended: [
            .resume: .active, .deactivate: .deactivated, .compromise: .compromised, .schedule: .deactivatedWaiting,
            .destroy: .destroyed,
        ],
        .deactivated: [.compromise: .compromised, .schedule: .deactivatedWaiting, .destroy: .destroyed],
        .compromised: [.schedule: .compromisedWaiting, .destroy: .destroyed],
        .deactivatedWaiting: [.cancel: .deactivated],
        .compromisedWaiting: [.cancel: .compromised],
        .deactivatedDue: [.destroy: .destroyed],
        .compromisedDue: [.destroy: .destroyed],
        .destroyed: [:],
    ]

    static func protects(_ state: State) -> Bool { state == .active }
    static func processes(_ state: State) -> Bool {
        [.active, .suspended, .deactivated, .compromised].contains(state)
    }
    /// What comes of itself: the date is reached, the waiting time is over.
    static func afterLong(_ state: State) -> State {
        switch state {
        case .preActivation: .active
        case .deactivatedWaiting: .deactivatedDue
        case .compromisedWaiting: .compromisedDue
        default: state
        }
    }
}

@Suite("The life cycle")
struct LifeCycleTests {
    private typealias State = NaiveLifeCycle.State
    private typealias Order = NaiveLifeCycle.Order

    private static let waitingSeconds: UInt32 = 1000

    /// A key that is brought into a state, and what can be asked of it.
    private struct Subject {
        let ledger: TestLedger
        let store: KeyStore
        let handle: KeyHandle
        /// Encrypted while the key was active, unless it never was.
        var envelope: [UInt8]?

        func give(_ order: Order) async throws {
            switch order {
            case .activate: try await handle.activate()
            case .suspend: try await handle.suspend()
            case .resume: try await handle.resume()
            case .deactivate: try await handle.deactivate()
            case .compromise: try await handle.compromise()
            case .schedule: try await handle.scheduleDestruction(waitingSeconds: LifeCycleTests.waitingSeconds)
            case .cancel: try await handle.cancelDestruction()
            case .destroy: try await handle.destroyImmediately()
            }
        }

        /// From active, or from pre-activation if that is wanted.
        func bring(to state: State) async throws {
            let orders: [Order] =
                switch state {
                case .preActivation, .active: []
                case .suspended: [.suspend]
                case .deactivated: [.deactivate]
                case .compromised: [.compromise]
                case .deactivatedWaiting, .deactivatedDue: [.schedule]
                case .compromisedWaiting, .compromisedDue: [.compromise, .schedule]
                case .destroyed: [.destroy]
                }
            for order in orders { try await give(order) }
            if state == .deactivatedDue || state == .compromisedDue { try await waitLong() }
            #expect(self.state == state)
        }

        /// What the ledger's events say.
        var state: State? {
            guard let record = handle.record?.versions.first else { return nil }
            return switch (record.state, record.destructionStatus) {
            case (.preActivation, .notScheduled): .preActivation
            case (.active, .notScheduled): .active
            case (.suspended, .notScheduled): .suspended
            case (.deactivated, .notScheduled): .deactivated
            case (.compromised, .notScheduled): .compromised
            case (.deactivated, .waiting): .deactivatedWaiting
            case (.compromised, .waiting): .compromisedWaiting
            case (.deactivated, .due): .deactivatedDue
            case (.compromised, .due): .compromisedDue
            case (.destroyed, .notScheduled): .destroyed
            default: nil
            }
        }

        /// Lets time pass beyond every date, and the ledger notice.
        func waitLong() async throws {
            ledger.clock.advance(seconds: Double(LifeCycleTests.waitingSeconds) + 10)
            // Any event: what is due expires before it.
            await #expect(throws: KeyStoreError.self) { _ = try await store.tenant("nobody") }
        }

        func expectUses(_ state: State, _ comment: String) async throws {
            let key = EncryptionKey(handle)
            if NaiveLifeCycle.protects(state) {
                _ = try await key.encrypt([1, 2, 3])
            } else {
                await #expect(throws: KeyStoreError.self, "\(comment)") { _ = try await key.encrypt([1, 2, 3]) }
            }
            guard let envelope else { return }
            if NaiveLifeCycle.processes(state) {
                #expect(try await key.decrypt(envelope).revealed() == [7], "\(comment)")
            } else {
                await #expect(throws: KeyStoreError.self, "\(comment)") { _ = try await key.decrypt(envelope) }
            }
        }
    }

    private func subject(preActivation: Bool = false) async throws -> Subject {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let tenant = try await store.createTenant("acme")
        let policy = KeyPolicy(notBefore: preActivation ? ledger.clock.now + 500_000_000_000 : nil)
        let key = try await tenant.createEncryptionKey("pii", policy: policy)
        let envelope = preActivation ? nil : try await key.encrypt([7])
        return Subject(ledger: ledger, store: store, handle: key.handle, envelope: envelope)
    }

    private func subject(in state: State) async throws -> Subject {
        let subject = try await subject(preActivation: state == .preActivation)
        try await subject.bring(to: state)
        return subject
    }

    @Test(arguments: NaiveLifeCycle.State.allCases)
    func everyOrderInEveryStateIsDoneOrRefusedAsSP80057HasIt(state: NaiveLifeCycle.State) async throws {
        for order in Order.allCases {
            let subject = try await subject(in: state)
            let before = try subject.store.eventCount
            let expected = NaiveLifeCycle.table[state]?[order]
            if expected != nil {
                try await subject.give(order)
            } else {
                let error = await #expect(throws: KeyStoreError.self, "\(order) in \(state)") {
                    try await subject.give(order)
                }
                guard case .wrongState = error else {
                    Issue.record("\(order) in \(state): \(String(describing: error))")
                    continue
                }
                // The refusal is in the log, by the ledger.
                let refused = try subject.store.audit.events(from: before)
                #expect(
                    refused.contains { $0.status != .created && $0.status != .linkedEventFailed },
                    "\(order) in \(state)")
                #expect(!refused.contains { $0.status == .created }, "\(order) in \(state)")
            }
            let after = expected ?? state
            #expect(subject.state == after, "\(order) in \(state)")
            try await subject.expectUses(after, "after \(order) in \(state)")
            #expect(try LogVerification(subject.store.audit).findings.isEmpty, "\(order) in \(state)")
            #expect(try Replay(subject.store.audit.log).projection == subject.store.projection)
            try await subject.store.close()
        }
    }

    /// Every use in every state. A key in pre-activation has not signed anything, so there is nothing to verify.
    @Test(arguments: NaiveLifeCycle.State.allCases)
    func everyUseInEveryStateIsDoneOrRefused(state: NaiveLifeCycle.State) async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let date = state == .preActivation ? ledger.clock.now + 500_000_000_000 : nil
            let key = try await acme.createSigningKey("claims", policy: .init(notBefore: date, isExportable: true))
            let signature = state == .preActivation ? [] : try await key.sign([7]).bytes
            let publicKey = try key.publicKey()
            let subject = Subject(ledger: ledger, store: store, handle: key.handle)
            try await subject.bring(to: state)
            func expect(
                _ isAllowed: Bool, _ use: String, _ body: () async throws -> Void
            ) async throws {
                let before = try store.eventCount
                if isAllowed {
                    try await body()
                } else {
                    await #expect(throws: KeyStoreError.self, "\(use) in \(state)") { try await body() }
                    // Somebody was refused, and the log says so.
                    let refused = try store.audit.events(from: before)
                    #expect(
                        refused.contains { $0.kind == .deny || $0.status == .debitAccountAlreadyClosed },
                        "\(use) in \(state)")
                }
            }
            try await expect(NaiveLifeCycle.protects(state), "sign") { _ = try await key.sign([7]) }
            try await expect(NaiveLifeCycle.processes(state), "verify") {
                let isValid = try await key.verify(signature, of: [7])
                #expect(isValid)
            }
            try await expect([.preActivation, .active, .suspended, .deactivated].contains(state), "export") {
                _ = try await key.handle.export(protectedBy: .cleartext)
            }
            // For everybody, whatever became of the key.
            #expect(try key.publicKey() == publicKey)
            try await expect([.active, .suspended, .deactivated, .compromised].contains(state), "rotate") {
                try await key.handle.rotate()
            }
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test func theWrittenDiagramIsWhatTheLedgerDoes() {
        let orders: [Order: KeyTransition] = [
            .activate: .activate, .suspend: .suspend, .resume: .resume, .deactivate: .deactivate,
            .compromise: .compromise, .schedule: .scheduleDestruction, .cancel: .cancelDestruction, .destroy: .destroy,
        ]
        let states: [State: (KeyState, KeyState.Destruction)] = [
            .preActivation: (.preActivation, .notScheduled), .active: (.active, .notScheduled),
            .suspended: (.suspended, .notScheduled), .deactivated: (.deactivated, .notScheduled),
            .compromised: (.compromised, .notScheduled), .deactivatedWaiting: (.deactivated, .waiting),
            .compromisedWaiting: (.compromised, .waiting), .deactivatedDue: (.deactivated, .due),
            .compromisedDue: (.compromised, .due), .destroyed: (.destroyed, .notScheduled),
        ]
        for (state, (keyState, destruction)) in states {
            let allowed = keyState.allowedTransitions(destruction)
            for (order, transition) in orders {
                let next = NaiveLifeCycle.table[state]?[order]
                #expect(allowed.contains(transition) == (next != nil), "\(order) in \(state)")
                if let next, let expected = states[next] {
                    #expect(keyState.after(transition) == expected.0, "\(order) in \(state)")
                }
            }
        }
    }

    @Test(arguments: 1...6)
    func agreesWithTheNaiveModelOnRandomHistories(number: Int) async throws {
        var random = SeededRandom("life \(number)")
        for _ in 0..<6 {
            var subject = try await subject(preActivation: random.oneIn(2))
            var state: State = subject.envelope == nil ? .preActivation : .active
            var history: [String] = []
            for _ in 0..<25 {
                if random.oneIn(6) {
                    try await subject.waitLong()
                    state = NaiveLifeCycle.afterLong(state)
                    history.append("wait")
                } else if random.oneIn(5) {
                    try await subject.store.close()
                    if random.oneIn(2) { try subject.ledger.folder.removeState() }
                    let store = try await subject.ledger.open()
                    let handle = try await store.tenant("acme").key("pii")
                    subject = Subject(
                        ledger: subject.ledger, store: store, handle: handle, envelope: subject.envelope)
                    // Opening does what is due.
                    if state == .deactivatedDue || state == .compromisedDue { state = .destroyed }
                    history.append("reopen")
                } else {
                    // Destruction rarely: it ends the story.
                    guard let order = Order.allCases.randomElement(using: &random),
                        order != .destroy || random.oneIn(4)
                    else { continue }
                    history.append(order.rawValue)
                    if let next = NaiveLifeCycle.table[state]?[order] {
                        try await subject.give(order)
                        state = next
                    } else {
                        await #expect(throws: KeyStoreError.self, "\(history)") { try await subject.give(order) }
                    }
                }
                try #require(subject.state == state, "\(history)")
                try await subject.expectUses(state, "\(history)")
                if subject.envelope == nil, state == .active {
                    subject.envelope = try await EncryptionKey(subject.handle).encrypt([7])
                }
            }
            #expect(try LogVerification(subject.store.audit).findings.isEmpty, "\(history)")
            #expect(try Replay(subject.store.audit.log).projection == subject.store.projection, "\(history)")
            try await subject.store.close()
        }
    }

    @Test func aKeyBecomesActiveByItselfAtItsDateAndNotBefore() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let date = TestClock.start + 3_600_500_000_000
            let key = try await store.createTenant("acme").createSigningKey("claims", policy: .init(notBefore: date))
            #expect(key.handle.record?.versions[0].state == .preActivation)
            ledger.clock.advance(to: date - 1)
            let early = KeyStoreError.wrongState(
                operation: .sign, key: "claims", version: 1, state: .preActivation, destruction: .notScheduled)
            await #expect(throws: early) { _ = try await key.sign([1]) }
            ledger.clock.advance(to: date + 1_500_000_000)
            #expect(try await key.sign([1]).version == 1)
            #expect(key.handle.record?.versions[0].state == .active)
            for date in [date, 0, UInt64.max] {
                await #expect(throws: KeyStoreError.self) {
                    _ = try await store.tenant("acme").createSigningKey("late", policy: .init(notBefore: date))
                }
            }
        }
    }

    @Test func anEventSaysThatAKeyItProcessedWithIsCompromisedOrSuspended() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let (pii, claims) = (try await acme.createEncryptionKey("pii"), try await acme.createSigningKey("claims"))
            let envelope = try await pii.encrypt([7])
            let signature = try await claims.sign([7]).bytes
            _ = try await pii.decrypt(envelope)
            try await pii.handle.suspend()
            _ = try await pii.decrypt(envelope)
            try await pii.handle.compromise()
            _ = try await pii.decrypt(envelope)
            try await claims.handle.compromise()
            #expect(try await claims.verify(signature, of: [7]))
            let states = try store.audit.events(.decrypt, .verify).map { $0.details?["keyState"]?.string }
            #expect(states == [nil, "suspended", "compromised", "compromised"])
        }
    }

    @Test func everyChangeSaysWhoAndWhy() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            _ = try await store.createTenant("acme").createSigningKey("claims")
            let jane = Caller(actor: "jane", reason: "INC-7")
            let key = try await store.tenant("acme", caller: jane).key("claims")
            let start = try store.eventCount
            try await key.suspend()
            try await key.resume()
            try await key.deactivate()
            try await key.scheduleDestruction()
            try await key.cancelDestruction()
            try await key.compromise()
            try await key.destroyImmediately()
            for kind: EventKind in [
                .suspend, .resume, .deactivate, .scheduleDestruction, .cancelDestruction, .compromise, .destroy, .erase,
            ] {
                let events = try store.audit.events(kind, from: start).compactMap(\.details)
                #expect(events.count == 1, "\(kind)")
                #expect(events.first?["actor"]?.string == "jane", "\(kind)")
                #expect(events.first?["reason"]?.string == "INC-7", "\(kind)")
            }
        }
    }

    @Test func aClosedVersionIsNotInMemory() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            for (index, order) in [Order.suspend, .deactivate, .compromise, .schedule, .destroy].enumerated() {
                let key = try await acme.createSigningKey("key-\(index)")
                _ = try await key.sign([1])
                #expect(store.live.versionsInMemory == [key.handle.version(numbered: 1)])
                try await Subject(ledger: ledger, store: store, handle: key.handle).give(order)
                #expect(store.live.versionsInMemory.isEmpty, "\(order)")
                #expect(store.projection.residencies.isEmpty, "\(order)")
            }
        }
    }

    @Test func rotationGoesOnFromWhatWasSuspendedDeactivatedOrCompromised() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            for (index, order) in [Order.suspend, .deactivate, .compromise].enumerated() {
                let key = try await acme.createSigningKey("key-\(index)")
                try await Subject(ledger: ledger, store: store, handle: key.handle).give(order)
                #expect(try await key.handle.rotate() == 2)
                #expect(try await key.sign([1]).version == 2)
                let states = key.handle.record?.versions.map(\.state)
                #expect(states == [order == .compromise ? .compromised : .deactivated, .active])
            }
            let gone = try await acme.createSigningKey("gone").handle
            try await gone.scheduleDestruction()
            await #expect(throws: KeyStoreError.self) { try await gone.rotate() }
            try await gone.cancelDestruction()
            try await gone.destroyImmediately()
            await #expect(throws: KeyStoreError.self) { try await gone.rotate() }
            #expect(try store.audit.denials() == ["wrong-state", "wrong-state"])
            let early = try await acme.createSigningKey(
                "early", policy: .init(notBefore: ledger.clock.now + 60_000_000_000)
            ).handle
            await #expect(throws: KeyStoreError.self) { try await early.rotate() }
            #expect(early.record?.versions.map(\.state) == [.preActivation])
        }
    }

    @Test func aChosenCryptoperiodStaysWithTheKeyAndBeginsWithItsActivation() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let now = ledger.clock.now
            let key = try await acme.createSigningKey(
                "claims", policy: .init(notBefore: now + 100_000_000_000, cryptoperiodSeconds: 50))
            #expect(store.projection.cryptoperiods.values.map { ($0.expiresAt - now) / 1_000_000_000 } == [150])
            try await key.handle.activate()
            try await key.handle.rotate()
            #expect(
                Set(store.projection.cryptoperiods.values.map { ($0.expiresAt - now) / 1_000_000_000 }) == [150, 50])
            for seconds: UInt32 in [0, .max] {
                await #expect(throws: KeyStoreError.self) {
                    _ = try await acme.createSigningKey(
                        "bad", policy: .init(notBefore: now + 100_000_000_000, cryptoperiodSeconds: seconds))
                }
            }
        }
    }

    @Test func theClockGoingBackwardsNeitherOpensNorDestroysAnythingEarly() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let acme = try await store.createTenant("acme")
        let held = try await acme.createSigningKey(
            "held", policy: .init(notBefore: ledger.clock.now + 100_000_000_000))
        let doomed = try await acme.createEncryptionKey("doomed")
        let envelope = try await doomed.encrypt([7])
        try await doomed.handle.scheduleDestruction(waitingSeconds: 100)
        ledger.clock.goBack(seconds: 5000)
        await #expect(throws: KeyStoreError.self) { _ = try await held.sign([1]) }
        #expect(try await store.settleDue().destroyed.isEmpty)
        ledger.clock.advance(seconds: 5050)
        #expect(try await store.settleDue().destroyed.isEmpty)
        try await doomed.handle.cancelDestruction()
        #expect(try await doomed.decrypt(envelope).revealed() == [7])
        try await store.close()
    }
}
