import Glibc
import Ledger
import LedgerStore
import Synchronization

/// Another process for the store's tests: one that holds a ledger, or writes it until it is killed.
///
/// ```
/// StoreCrasher hold FOLDER                      opens, says "open", closes at the end of its input, says "closed"
/// StoreCrasher write FOLDER MAP-SIZE FLUSH-COUNT BATCH-SIZE
///                                               writes without end, says "SEQUENCE ID COUNT" for each request that
///                                               was acknowledged
/// ```
/// What keeps it from opening is said as "refused: REASON".
@main struct StoreCrasher {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count > 2 else { return say("usage: StoreCrasher hold|write FOLDER …") }
        let folder = LedgerFolder(path: arguments[2])
        var tuning = LedgerWriter.Tuning()
        do throws(StoreError) {
            if arguments[1] == "hold" {
                let writer = try LedgerWriter(folder, projection: Nothing(), tuning: tuning)
                say("open")
                while readLine() != nil {}
                try await writer.close()
                say("closed")
            } else {
                tuning.mapSize = number(3, 1 << 20)
                tuning.flushCount = number(4, 64)
                let writer = try LedgerWriter(folder, projection: Nothing(), tuning: tuning)
                await write(number(5, 8), at: writer)
            }
        } catch {
            say("refused: \(error)")
            exit(1)
        }
    }

    private static func number(_ place: Int, _ otherwise: Int) -> Int {
        CommandLine.arguments.count > place ? Int(CommandLine.arguments[place]) ?? otherwise : otherwise
    }

    /// Four tasks, each with one request under way.
    private static func write(_ batchSize: Int, at writer: LedgerWriter) async {
        do throws(StoreError) {
            _ = try await writer.submit([Account(id: 1, ledger: 1, code: 8), Account(id: 2, ledger: 1, code: 8)])
                .reply()
        } catch {
            say("failed: \(error)")
        }
        await withDiscardingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    while true {
                        let first = UInt128.random(in: 1..<(1 << 127))
                        let batch = (0..<batchSize).map {
                            Transfer(id: first + UInt128($0), debit: 1, credit: 2, amount: 1, ledger: 1, code: 8)
                        }
                        do throws(StoreError) {
                            let reply = try await writer.submit(batch).reply()
                            say("\(reply.firstSequence) \(first) \(batchSize)")
                        } catch {
                            return say("failed: \(error)")
                        }
                    }
                }
            }
        }
    }

    /// One line in one system call: whole, or not there at all.
    private static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = unsafe Glibc.write(STDOUT_FILENO, bytes, bytes.count)
    }
}

/// A projection of nothing.
private struct Nothing: Projection {
    func restore(from snapshot: [UInt8]?) -> Bool { true }
    func apply(_ block: Block) {}
    func snapshot() -> [UInt8] { [] }
}
