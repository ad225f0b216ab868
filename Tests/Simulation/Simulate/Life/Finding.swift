internal import LedgerStore

/// Something that must not be.
struct Finding: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Runs what must not fail.
func succeeding<Result>(
    _ what: String, _ body: () throws(StoreError) -> Result
) throws(Finding) -> Result {
    do throws(StoreError) {
        return try body()
    } catch {
        throw Finding("\(what): \(error)")
    }
}

func expect(_ isTrue: Bool, _ otherwise: @autoclosure () -> String) throws(Finding) {
    if !isTrue { throw Finding(otherwise()) }
}
