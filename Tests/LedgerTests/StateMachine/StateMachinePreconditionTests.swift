import Ledger
import Testing

/// What the state machine relies on. A batch that breaks it would be recorded with times that no one could replay.
@Suite struct StateMachinePreconditionTests {
    @Test func aBatchHasOneEventAtLeast() async {
        await #expect(processExitsWith: .failure) {
            var machine = StateMachine()
            var events: [Transfer] = []
            var results: [CreateTransferResult] = []
            try machine.createTransfers(&events, timestamp: 1, results: &results)
        }
    }

    @Test func timeRunsForward() async {
        await #expect(processExitsWith: .failure) {
            var machine = StateMachine()
            _ = machine.expire(timestamp: 5)
            var events = [Account(id: 1, ledger: 1, code: 1), Account(id: 2, ledger: 1, code: 1)]
            var results: [CreateAccountResult] = []
            // The first of the two would happen at 5 too.
            try machine.createAccounts(&events, timestamp: 6, results: &results)
        }
    }

    @Test func timeEndsWithTheLastValidTimestamp() async {
        var machine = StateMachine()
        #expect(machine.expire(timestamp: UInt64(1) << 63 - 2) == 0)
        await #expect(processExitsWith: .failure) {
            var machine = StateMachine()
            _ = machine.expire(timestamp: UInt64(1) << 63 - 1)
        }
    }
}
