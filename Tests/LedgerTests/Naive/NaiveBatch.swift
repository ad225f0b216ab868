import Ledger

extension NaiveModel {
    mutating func createAccounts(_ events: [Account], timestamp: UInt64) -> [CreateAccountResult] {
        let headers = events.map {
            Header(
                isLinked: $0.flags.contains(.linked), isImported: $0.flags.contains(.imported), timestamp: $0.timestamp)
        }
        return decide(headers, timestamp: timestamp, common: CreateAccountStatus.init) { model, index, time in
            model.createAccount(events[index], at: time)
        }
    }

    mutating func createTransfers(_ events: [Transfer], timestamp: UInt64) -> [CreateTransferResult] {
        let headers = events.map {
            Header(
                isLinked: $0.flags.contains(.linked), isImported: $0.flags.contains(.imported), timestamp: $0.timestamp)
        }
        return decide(headers, timestamp: timestamp, common: CreateTransferStatus.init) { model, index, time in
            model.createTransfer(events[index], at: time)
        }
    }

    /// What the rules common to accounts and transfers look at.
    private struct Header {
        let isLinked: Bool
        let isImported: Bool
        let timestamp: UInt64
    }

    /// Walks through a batch. `create` applies the rules of the kind, `common` names a common status in the kind's terms.
    private mutating func decide<Status>(
        _ events: [Header], timestamp batchTime: UInt64, common: (CommonStatus) -> Status,
        create: (inout NaiveModel, Int, UInt64) -> EventResult<Status>
    ) -> [EventResult<Status>] {
        var results: [EventResult<Status>] = []
        var chainStart: Int?
        var chainIsBroken = false
        var stateBeforeChain = state

        for (index, event) in events.enumerated() {
            func time(of index: Int) -> UInt64 { batchTime - UInt64(events.count) + UInt64(index) + 1 }
            func result(_ status: CommonStatus) -> EventResult<Status> {
                EventResult(status: common(status), timestamp: time(of: index))
            }
            if event.isLinked, chainStart == nil {
                chainStart = index
                chainIsBroken = false
                stateBeforeChain = state
            }

            if event.isLinked, index == events.count - 1 {
                results.append(result(.linkedEventChainOpen))
            } else if chainStart != nil, chainIsBroken {
                results.append(result(.linkedEventFailed))
            } else if event.isImported, !events[0].isImported {
                results.append(result(.importedEventNotExpected))
            } else if !event.isImported, events[0].isImported {
                results.append(result(.importedEventExpected))
            } else if event.isImported, event.timestamp < 1 || event.timestamp > UInt64(1) << 63 - 2 {
                results.append(result(.importedEventTimestampOutOfRange))
            } else if event.isImported, event.timestamp >= batchTime {
                results.append(result(.importedEventTimestampMustNotAdvance))
            } else if !event.isImported, event.timestamp != 0 {
                results.append(result(.timestampMustBeZero))
            } else {
                results.append(create(&self, index, time(of: index)))
            }

            if let start = chainStart, !chainIsBroken, results[index].status != common(.created) {
                chainIsBroken = true
                state = stateBeforeChain
                for earlier in start..<index {
                    results[earlier] = EventResult(status: common(.linkedEventFailed), timestamp: time(of: earlier))
                }
            }
            if !event.isLinked { chainStart = nil }
        }
        return results
    }
}

/// The statuses that accounts and transfers have in common; some have different numbers.
enum CommonStatus {
    case created
    case linkedEventFailed, linkedEventChainOpen
    case importedEventExpected, importedEventNotExpected
    case timestampMustBeZero
    case importedEventTimestampOutOfRange, importedEventTimestampMustNotAdvance
}

extension CreateAccountStatus {
    init(_ status: CommonStatus) {
        self =
            switch status {
            case .created: .created
            case .linkedEventFailed: .linkedEventFailed
            case .linkedEventChainOpen: .linkedEventChainOpen
            case .importedEventExpected: .importedEventExpected
            case .importedEventNotExpected: .importedEventNotExpected
            case .timestampMustBeZero: .timestampMustBeZero
            case .importedEventTimestampOutOfRange: .importedEventTimestampOutOfRange
            case .importedEventTimestampMustNotAdvance: .importedEventTimestampMustNotAdvance
            }
    }
}

extension CreateTransferStatus {
    init(_ status: CommonStatus) {
        self =
            switch status {
            case .created: .created
            case .linkedEventFailed: .linkedEventFailed
            case .linkedEventChainOpen: .linkedEventChainOpen
            case .importedEventExpected: .importedEventExpected
            case .importedEventNotExpected: .importedEventNotExpected
            case .timestampMustBeZero: .timestampMustBeZero
            case .importedEventTimestampOutOfRange: .importedEventTimestampOutOfRange
            case .importedEventTimestampMustNotAdvance: .importedEventTimestampMustNotAdvance
            }
    }
}
