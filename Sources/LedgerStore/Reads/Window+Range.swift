internal import Ledger

extension RandomAccessCollection where Index == Int {
    /// The indices of the elements within a window, in a collection in ascending order of time.
    func range(of window: Window, at timestamp: (Element) -> UInt64) -> Range<Int> {
        let first = partitionPoint { timestamp($0) < window.timestampMin }
        let end = window.timestampMax == 0 ? endIndex : partitionPoint { timestamp($0) <= window.timestampMax }
        return first..<Swift.max(first, end)
    }
}
