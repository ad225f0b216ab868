/// Some consecutive blocks, copied out of the file once: what is checked cannot change under the check.
struct Window {
    var bytes: [UInt8] = []
    var blocks: [BlockView] = []
    var eventCount = 0

    var firstSequence: UInt64 { blocks.first?.firstSequence ?? 0 }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
        eventCount = 0
    }
}
